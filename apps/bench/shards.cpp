// Training steps that two ranks share along time, one thread each.
#include <fmt/core.h>

#include <chrono>
#include <functional>

#include "apps/bench/benchmark.h"
#include "ranvier/core/random.h"
#include "ranvier/distributed/local_transport.h"
#include "ranvier/distributed/sharded_network.h"
#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/event_networks.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/networks.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/sequence/readout.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/optim/optimizer.h"

namespace ranvier::apps {
namespace {

constexpr std::int64_t steps = 256, batch = 4, classes = 10;

/// Layers that little else is computed in.
Sequential neurons_and_norms() {
  constexpr std::int64_t features = 4096;
  Sequential network;
  for (int layer = 0; layer < 4; ++layer) network.add(BatchNorm({.features = features})).add(LIF());
  network.add(Linear({.in = features, .out = classes})).add(LeakyIntegrator());
  return network;
}

/// A network that ranks share, and what its steps took.
class Trained {
 public:
  Trained(const Mesh& mesh, Sequential network, ShardOptions options)
      : mesh_(mesh), network_(std::move(network)), sharded_(network_, mesh, options) {}

  void step(const Tensor& x, const Tensor& labels, const BatchExtent& whole) {
    using Clock = std::chrono::steady_clock;
    barrier(mesh_.all());
    const auto start = Clock::now();
    zero_grad(optimizer_->parameters());
    const Tensor output = sharded_(x, whole);
    const auto forward = Clock::now();
    sharded_.backward(cross_entropy(read_out(Readout::mean, output), labels));
    optimizer_->step();
    const auto ms = [&](auto end) {
      return std::chrono::duration<double, std::milli>(end - start).count();
    };
    forward_.push_back(ms(forward));
    step_.push_back(ms(Clock::now()));
  }

  Measurement measurement(const std::string& name) {
    Measurement m = summarise_runs(name, step_);
    m.figures = {{"ms forward", summarise_runs(name, forward_).median_ms}};
    const Speculation& speculation = sharded_.speculation();
    if (speculation.scanned > 0)
      m.figures.emplace_back(
          "of the guessed steps repaired",
          static_cast<double>(speculation.repaired) / static_cast<double>(speculation.scanned));
    return m;
  }

 private:
  const Mesh& mesh_;
  Sequential network_;
  ShardedNetwork sharded_;
  std::unique_ptr<Optimizer> optimizer_ =
      make_optimizer("sgd", parameters(network_), {.lr = 0.1, .momentum = 0.9});
  std::vector<double> forward_, step_;
};

/// Trains with and without waiting in turns, so that a disturbance meets both.
void compare(const std::string& name, const std::function<Sequential()>& network, const Tensor& x,
             int runs, std::vector<Measurement>& results) {
  const Tensor labels = from_vector(std::vector<std::int64_t>{0, 7, 4, 1}, {batch});
  run_local(2, [&](Transport& transport) {
    const Mesh mesh(transport, {.time = 2});
    Trained waiting(mesh, network(), {}), guessing(mesh, network(), {.speculate = true});
    const Slice part = Slice::of(steps, mesh.time_index(), mesh.shape().time);
    const Tensor own = slice(x, 0, part.begin, part.end);
    for (int run = 0; run < runs; ++run)
      for (Trained* trained : {&waiting, &guessing}) trained->step(own, labels, {batch, steps});
    if (transport.rank() != 1) return;
    results.push_back(waiting.measurement(name + "_waiting"));
    results.push_back(guessing.measurement(name + "_speculating"));
  });
}

/// Trains a network for images whose layers before the first neuron each rank computes, or some
/// samples of them, in turns.
void compare_static_layers(std::int64_t images, std::int64_t shown, int runs,
                           std::vector<Measurement>& results) {
  const Tensor x = uniform({images, 28, 28, 1}, 0, 1),
               labels = zeros({images}, {.dtype = DType::i64});
  run_local(2, [&](Transport& transport) {
    const Mesh mesh(transport, {.time = 2});
    Trained each(mesh, leaky_mlp({.steps = shown}), {.static_layers = StaticLayers::each});
    Trained shared(mesh, leaky_mlp({.steps = shown}), {.static_layers = StaticLayers::shared});
    for (int run = 0; run < runs; ++run)
      for (Trained* trained : {&each, &shared}) trained->step(x, labels, {images});
    if (transport.rank() != 0) return;
    const std::string name = fmt::format("shards_mlp_T{}_B{}", shown, images);
    results.push_back(each.measurement(name + "_each"));
    results.push_back(shared.measurement(name + "_shared"));
  });
}

}  // namespace

// Motivation: behind batch norm over all steps every rank waits at every layer for the state of the
// rank before; and of layers that no neuron precedes every rank would compute the same.
std::vector<Measurement> bench_shards(const BenchOptions& o) {
  seed(0);
  std::vector<Measurement> results;
  compare(
      "shards_cnn", [] { return event_cnn(); }, random_spikes({steps, batch, 34, 34, 2}, 0.05),
      o.runs, results);
  compare("shards_neurons", neurons_and_norms, normal({steps, batch, 4096}, 0, 1), o.runs, results);
  compare_static_layers(128, 25, o.runs, results);
  compare_static_layers(16, 64, o.runs, results);
  return results;
}

}  // namespace ranvier::apps
