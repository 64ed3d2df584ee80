// A stranger's program: trains a small spiking network with what the package installs.
#include <cstdio>

#include "ranvier/core/random.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/optim/optimizer.h"

using namespace ranvier;

int main() {
  seed(1);
  Sequential network(Linear({.in = 8, .out = 16}), LIF({.tau = 2.0}, {.steps = 5}),
                     Linear({.in = 16, .out = 2}), LIF());
  const auto optimizer = make_optimizer("adam", parameters(network), {.lr = 0.05});
  const Tensor x = uniform({32, 8}, -1, 1);
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < 32; ++i) labels.push_back(x.data<float>()[i * 8] > 0);
  const Tensor targets = from_vector(labels, {32});

  double first = 0, last = 0;
  for (int step = 0; step < 60; ++step) {
    const Tensor loss = cross_entropy(sum(network(x), {0}), targets);
    last = loss.item();
    if (step == 0) first = last;
    zero_grad(optimizer->parameters());
    loss.backward();
    optimizer->step();
  }
  std::printf("loss %.4f -> %.4f\n", first, last);
  return last < 0.5 * first ? 0 : 1;
}
