// A program of your own, in a project of your own.
#include "ranvier/core/random.h"
#include "ranvier/layers/networks.h"

int main() {
  ranvier::Sequential network = ranvier::leaky_mlp({.steps = 10, .hidden = 100});
  const ranvier::Tensor spikes = network(ranvier::uniform({2, 28, 28, 1}, 0, 1));
  fmt::print("spikes {}\n", spikes.shape());
}
