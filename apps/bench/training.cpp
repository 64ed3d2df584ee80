// Whole training steps of the tutorial networks: forward, loss, backward, optimizer.
#include <fmt/core.h>

#include <functional>

#include "apps/bench/benchmark.h"
#include "ranvier/core/allocator.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/cuda_graph.h"
#include "ranvier/core/random.h"
#include "ranvier/layers/event_networks.h"
#include "ranvier/layers/networks.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/loss/one_hot.h"
#include "ranvier/ops/neurons/recurrent_scan.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/sequence/readout.h"
#include "ranvier/optim/optimizer.h"

namespace ranvier::apps {
namespace {

using Loss = std::function<Tensor(const Tensor& output)>;

Tensor random_labels(std::int64_t batch, std::int64_t classes = 10) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < batch; ++i) labels.push_back(i * 7 % classes);
  return from_vector(labels, {batch});
}

/// One training step again and again; on a CUDA device also recorded as a graph.
class StepBench {
 public:
  StepBench(const BenchOptions& o, Sequential& network, Optimizer& optimizer, const Tensor& inputs,
            const Loss& loss)
      : o_(o), network_(network), optimizer_(optimizer), inputs_(inputs), loss_(loss) {}

  /// Appends to `results` what a step takes whose products are in `compute`.
  void run(const std::string& name, DType compute, std::vector<Measurement>& results) const {
    const AutocastGuard autocast(compute, o_.device);
    allocator(o_.device).release_kept();
    allocator(o_.device).reset_peak();
    const auto step = [&] {
      differentiate();
      optimizer_.step();
    };
    step();
    results.push_back(measured(name, step));
    if (o_.device == cpu_device) return;
    const CudaGraph graph(o_.device, [&] {
      differentiate();
      optimizer_.launch_step();
    });
    results.push_back(measured(name + "_graph", [&] {
      optimizer_.prepare_step();
      graph.launch();
    }));
  }

 private:
  void differentiate() const {
    zero_grad(optimizer_.parameters());
    loss_(network_(inputs_)).backward();
  }

  template <class Step>
  Measurement measured(const std::string& name, Step step) const {
    step();
    const std::int64_t allocations = allocator(o_.device).stats().system_allocations;
    Measurement m = measure(name, o_.runs, step, o_.device);
    const MemoryStats stats = allocator(o_.device).stats();
    m.figures = {{"samples/s", 1e3 * static_cast<double>(o_.batch) / m.median_ms},
                 {"MB peak", static_cast<double>(stats.peak_bytes_in_use) / 1e6},
                 {"allocations", static_cast<double>(stats.system_allocations - allocations)}};
    return m;
  }

  const BenchOptions& o_;
  Sequential& network_;
  Optimizer& optimizer_;
  const Tensor& inputs_;
  const Loss& loss_;
};

bool multiplies_bf16(Device device) { return device.type == DeviceType::cuda || bf16_supported(); }

}  // namespace

std::vector<Measurement> bench_csnn(const BenchOptions& o) {
  seed(0);
  Sequential network = csnn({.channels = o.channels});
  move_to(network, o.device);
  const auto optimizer = make_optimizer("sgd", parameters(network), {.lr = 0.1, .momentum = 0.9});
  const Tensor images = uniform({o.batch, 28, 28, 1}, 0, 1).to(o.device);
  const Tensor targets = one_hot(random_labels(o.batch), 10).to(o.device);
  const Loss loss = [&](const Tensor& spikes) { return mse_loss(mean(spikes, {0}), targets); };
  const StepBench bench(o, network, *optimizer, images, loss);
  std::vector<Measurement> results;
  bench.run("csnn_step_f32", DType::f32, results);
  if (o.device != cpu_device) {
    set_tf32(true);
    bench.run("csnn_step_tf32", DType::f32, results);
    set_tf32(false);
  }
  if (multiplies_bf16(o.device)) bench.run("csnn_step_bf16", DType::bf16, results);
  return results;
}

std::vector<Measurement> bench_mlp(const BenchOptions& o) {
  seed(0);
  Sequential network = leaky_mlp();
  move_to(network, o.device);
  const auto optimizer = make_optimizer("adam", parameters(network), {.lr = 1e-3});
  const Tensor images = uniform({o.batch, 28, 28, 1}, 0, 1).to(o.device);
  const Tensor labels = random_labels(o.batch).to(o.device);
  const Loss loss = [&](const Tensor& spikes) { return cross_entropy(sum(spikes, {0}), labels); };
  const StepBench bench(o, network, *optimizer, images, loss);
  std::vector<Measurement> results;
  bench.run("mlp_step_f32", DType::f32, results);
  if (multiplies_bf16(o.device)) bench.run("mlp_step_bf16", DType::bf16, results);
  return results;
}

// Motivation: spoken commands as events, 250 steps of 4 ms; each step is little work, so that all
// that is done per step and not for the whole sequence shows.
std::vector<Measurement> bench_ssc(const BenchOptions& o) {
  constexpr std::int64_t steps = 250, channels = 100, classes = 35, neurons = 128;
  constexpr double density = 0.02;
  seed(0);
  const Tensor labels = random_labels(o.batch, classes).to(o.device);
  const Tensor events = random_spikes({steps, o.batch, channels}, density).to(o.device);
  const Loss loss = [&](const Tensor& out) {
    return cross_entropy(read_out(Readout::sum, out), labels);
  };
  std::vector<Measurement> results;
  const auto add = [&](const std::string& name, Sequential network) {
    move_to(network, o.device);
    const auto optimizer = make_optimizer("adam", parameters(network), {.lr = 1e-3});
    const StepBench bench(o, network, *optimizer, events, loss);
    bench.run(name, DType::f32, results);
    if (o.device != cpu_device) bench.run(name + "_bf16", DType::bf16, results);
  };
  add("ssc_step_iaf", event_mlp());
  add("ssc_step_recurrent", recurrent_net({.inputs = channels, .classes = classes}));
  add("ssc_step_adaptive", adaptive_net({.inputs = channels, .classes = classes}));

  const auto leaf = [&](Tensor tensor) { return tensor.to(o.device).set_requires_grad(true); };
  Tensor x = leaf(uniform({steps, o.batch, neurons}, -1, 1));
  Tensor weight = leaf(uniform({neurons, neurons}, -0.1, 0.1));
  const Tensor grad = uniform(x.shape(), -1, 1).to(o.device);
  const Neuron lif = LIFOptions{.decay_input = false};
  const auto forward_backward = [&] {
    x.set_grad({});
    weight.set_grad({});
    recurrent_scan(lif, x, weight).spikes.backward(grad);
  };
  results.push_back(measure("recurrent_forward_backward", o.runs, forward_backward, o.device));
  return results;
}

}  // namespace ranvier::apps
