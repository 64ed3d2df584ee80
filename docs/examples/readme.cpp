// The example of README.md.
#include "ranvier/core/random.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/reduce/extrema.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/optim/adam.h"

using namespace ranvier;

int main() {
  Sequential network(Linear({.in = 10, .out = 64}), LIF({.tau = 2.0}, {.steps = 8}),
                     Linear({.in = 64, .out = 10}), LIF());
  Adam optimizer(parameters(network), {.lr = 0.01});
  for (int step = 0; step < 200; ++step) {
    const Tensor x = uniform({128, 10}, 0, 4);   // learn where the largest number is
    const Tensor counts = sum(network(x), {0});  // spikes [8, 128, 10], counted over time
    const Tensor error = cross_entropy(counts, argmax(x, {1}));
    zero_grad(optimizer.parameters());
    error.backward();
    optimizer.step();
    if (step % 50 == 0) fmt::print("step {:3}  loss {:.2f}\n", step, error.item());
  }
}
