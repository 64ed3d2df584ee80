// The code of docs/training.md.
#include <algorithm>
#include <cmath>
#include <vector>

#include "ranvier/core/random.h"
#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/delay.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/sequence/readout.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/optim/adam.h"
#include "ranvier/optim/clip.h"
#include "ranvier/optim/schedule.h"

using namespace ranvier;

Sequential make_network() {
  return Sequential(Linear({.in = 16, .out = 32}), BatchNorm({.features = 32}), ParametricLIF(),
                    Delay({.features = 32, .max_delay = 10}), Linear({.in = 32, .out = 2}),
                    LeakyIntegrator({.tau = 10.0}));
}

Adam make_optimizer_of(Sequential& network) {
  return Adam(parameters(network),
              {.lr = 2e-3, .weight_decay = 0.01, .decay = WeightDecay::decoupled},
              {{.names = {"delay"}, .lr_factor = 2, .weight_decay = 0},
               {.names = {"gamma", "beta", "w"}, .weight_decay = 0}});
}

// A step for a batch that is too large to be computed at once.
double step(Sequential& network, Adam& adam, const Tensor& x, const Tensor& labels) {
  constexpr std::int64_t parts = 4;
  const std::int64_t size = labels.size(0) / parts;
  double loss = 0;
  zero_grad(adam.parameters());
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t begin = part * size, end = begin + size;
    const Tensor output = network(slice(x, 1, begin, end));  // x is [T, B, 16]
    const Tensor share =
        cross_entropy(read_out(Readout::mean, output), slice(labels, 0, begin, end)) *
        (1.0 / parts);
    share.backward();  // adds to the gradients that are there
    loss += share.item();
  }
  clip_grad_norm(adam.parameters(), 1.0);
  adam.step();
  return loss;
}

int main() {
  seed(1);
  Sequential network = make_network();
  Adam adam = make_optimizer_of(network);
  const Tensor x = uniform({20, 16, 16}, 0, 4);
  std::vector<std::int64_t> classes(16);
  for (std::size_t i = 0; i < classes.size(); ++i) classes[i] = static_cast<std::int64_t>(i % 2);
  const Tensor labels = from_vector(classes, {16});

  constexpr std::int64_t steps = 40, warmup = 5;
  const Schedule schedule =
      with_warmup(cosine_schedule(2e-3, {.length = steps - warmup}), {.length = warmup});
  double first = 0, last = 0;
  for (std::int64_t i = 0; i < steps; ++i) {
    adam.set_lr(schedule(i));
    last = step(network, adam, x, labels);
    if (i == 0) first = last;
  }
  return last < first ? 0 : 1;
}
