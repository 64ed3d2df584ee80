// The program of docs/cuda.md: a training step that a CUDA device records once and repeats. Where
// there is no device it says so and ends.
#include <fmt/core.h>

#include "ranvier/core/cuda_graph.h"
#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/reduce/extrema.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/optim/adam.h"

using namespace ranvier;

void learn_on(Device device) {
  Sequential network(Linear({.in = 10, .out = 64}), LIF({.tau = 2.0}, {.steps = 8}),
                     Linear({.in = 64, .out = 10}), LIF());
  move_to(network, device);  // before the optimizer is made: parameters are new tensors there
  Adam optimizer(parameters(network), {.lr = 0.01});

  Tensor x = uniform({128, 10}, 0, 4).to(device), largest = argmax(x, {1}), error;
  const auto differentiate = [&] {
    zero_grad(optimizer.parameters());
    error = cross_entropy(sum(network(x), {0}), largest);
    error.backward();
  };
  differentiate();  // once for real: plans are made, memory is taken
  optimizer.step();

  const CudaGraph step(device, [&] {
    differentiate();
    optimizer.launch_step();
  });
  for (int i = 0; i < 200; ++i) {
    const Tensor fresh = uniform({128, 10}, 0, 4);
    copy_into(x, fresh);  // the graph reads x and largest where they are
    copy_into(largest, argmax(fresh, {1}));
    optimizer.prepare_step();
    step.launch();
    if (i % 50 == 0) fmt::print("step {:3}  loss {:.2f}\n", i, error.item());  // waits
  }
}

int main() {
  const Device device{DeviceType::cuda, 0};
  if (!is_available(device)) {
    fmt::print("there is no CUDA device\n");
    return 0;
  }
  fmt::print("{}\n", describe(device));
  learn_on(device);
}
