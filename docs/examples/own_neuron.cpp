// The code of docs/adding-a-neuron.md: a neuron of one's own in a network.
#include "docs/examples/adaptive.h"
#include "ranvier/core/random.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/ops/neurons/custom.h"
#include "ranvier/ops/neurons/lif.h"
#include "ranvier/ops/neurons/scan.h"
#include "ranvier/ops/reduce/sum.h"

using namespace ranvier;
using namespace ranvier::neurons;
using example::Adaptive;

// e^(-(x / width)^2)
struct Bell {
  double width = 0.5;
  static constexpr const char* name = "bell";
  template <class R>
  struct Slope {
    R steepness;
    RV_HD R operator()(R x) const {
      const R u = steepness * x;
      return exponential(-u * u);
    }
  };
  template <class R>
  Slope<R> slope_functor() const {
    return {static_cast<R>(1 / width)};
  }
};

int main() {
  const Neuron neuron = custom_neuron<Adaptive>({.rise = 0.5}, surrogate::ATan{});

  Sequential network(Linear({.in = 6, .out = 32}), NeuronLayer(neuron, {}));
  const Tensor spikes = network(uniform({10, 8, 6}, 0, 4));  // [T, B, 32]
  sum(spikes).backward();

  const Neuron lif = custom_neuron<neurons::Lif>({.tau = 4.0}, Bell{.width = 0.3});
  sum(scan(lif, spikes.detach()).spikes);
  return parameters(network)[0].tensor.grad().defined() ? 0 : 1;
}
