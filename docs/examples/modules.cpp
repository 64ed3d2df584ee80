// The code of docs/modules.md.
#include <thread>
#include <vector>

#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/data/checkpoint.h"
#include "ranvier/layers/init.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/sequence/lengths.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/optim/adam.h"

using namespace ranvier;

// Scales each channel by what it learns, and remembers how many samples it has seen.
struct Gain {
  static constexpr std::string_view kind = "Gain";

  explicit Gain(std::int64_t features) : gain(init_constant({features}, 1)) {}

  Tensor operator()(const Tensor& x) {  // [T, B, features]
    if (training) fill(samples, samples.item() + static_cast<double>(x.size(1)));
    return x * gain;
  }
  void visit(Visitor& visitor) {
    visitor.parameter("gain", gain);
    visitor.buffer("samples", samples);
    visitor.training(training);
  }

  Tensor gain;
  Tensor samples = scalar(0);
  bool training = true;
};

// Quick and slow neurons hear the same input; a readout hears both.
struct TwoSpeeds {
  static constexpr std::string_view kind = "TwoSpeeds";

  Shard operator()(const Tensor& x, const State& state) {
    auto [fast, quick_state] = quick(to_quick(x), state.child(0, 3));
    auto [late, slow_state] = slow(to_slow(x), state.child(1, 3));
    const Tensor both = gain(concat({fast, late}, -1));
    auto [y, readout_state] = readout(to_readout(both), state.child(2, 3));
    return {y, {.children = {quick_state, slow_state, readout_state}}};
  }
  void visit(Visitor& visitor) {
    visitor.child("to_quick", to_quick);
    visitor.child("quick", quick);
    visitor.child("to_slow", to_slow);
    visitor.child("slow", slow);
    visitor.child("gain", gain);
    visitor.child("to_readout", to_readout);
    visitor.child("readout", readout);
  }

  Linear to_quick{{.in = 6, .out = 16}}, to_slow{{.in = 6, .out = 16}};
  NeuronLayer quick = ParametricLIF({.init_tau = 2.0}), slow = ParametricLIF({.init_tau = 20.0});
  Gain gain{32};
  Linear to_readout{{.in = 32, .out = 3}};
  NeuronLayer readout = LeakyIntegrator({.tau = 5.0});
};

bool may_be_cut(TwoSpeeds& network, const Tensor& x) {
  set_training(network, false);
  const NoGradGuard no_grad;
  const Tensor whole = network(x, {}).output;
  const Shard first = network(slice(x, 0, 0, 4), {});
  const Shard second = network(slice(x, 0, 4, x.size(0)), first.state);
  return to_vector(concat({first.output, second.output})) == to_vector(whole);
}

double train(TwoSpeeds& network, const Tensor& x, const Tensor& labels) {
  for (auto& [name, tensor] : parameters(network))
    if (name.starts_with("to_slow.")) tensor.set_requires_grad(false);

  Adam optimizer(parameters(network), {.lr = 0.01});
  NamedTensors best;
  double least = 1e9;
  for (int step = 0; step < 30; ++step) {
    const Tensor loss = cross_entropy(mean(network(x, {}).output, {0}), labels);
    if (loss.item() < least) {
      least = loss.item();
      best = clone(state_dict(network));
    }
    zero_grad(optimizer.parameters());
    loss.backward();
    optimizer.step();
  }
  load_state(state_dict(network), best);
  return least;
}

void look_inside(Sequential& network, const Tensor& x) {
  const NoGradGuard no_grad;
  std::vector<std::vector<double>> rasters;  // of each spiking layer, [T, B, N] row by row
  const ObserverScope observing(network, [&](const Observation& seen) {
    const NeuronLayer* neurons = seen.module.as<NeuronLayer>();
    if (neurons == nullptr || !neurons->neuron.spiking()) return;
    rasters.push_back(to_vector(seen.output));
    const Tensor membranes = scan(neurons->neuron, seen.input, {}, {.trace = true}).trace;
    fmt::print("{}: {:.3f} spikes a step, membranes {}\n", seen.name, firing_rate(seen.output),
               membranes.shape());
  });
  network(x);
}

// Networks that are trained side by side, each with random numbers of its own.
std::vector<double> ensemble(const Tensor& x, const Tensor& labels) {
  std::vector<double> losses(2);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < losses.size(); ++i)
    threads.emplace_back([&, i] {
      Generator generator{.seed = i};
      const GeneratorScope scope(generator);
      TwoSpeeds network;
      losses[i] = train(network, x, labels);
    });
  for (std::thread& thread : threads) thread.join();
  return losses;
}

int main() {
  const Tensor x = uniform({10, 8, 6}, 0, 2);  // [T, B, 6]
  const Tensor labels = from_vector(std::vector<std::int64_t>{0, 1, 2, 0, 1, 2, 0, 1}, {8});
  TwoSpeeds network;
  if (!may_be_cut(network, x)) return 1;
  set_training(network, true);
  const double loss = train(network, x, labels);

  save_checkpoint("two_speeds.h5", {.tensors = state_dict(network)});
  TwoSpeeds again;
  load_state(state_dict(again), load_checkpoint("two_speeds.h5").tensors);

  Sequential inside;
  inside.add(std::move(again), "speeds").add(LIF(), "out");
  look_inside(inside, x);
  for (const double other : ensemble(x, labels)) fmt::print("loss {:.3f}, {:.3f}\n", loss, other);
}
