// Batch norm, neurons and a pool as one operation, at the sizes of the convolutional tutorial
// network.
#include <fmt/core.h>

#include "apps/bench/benchmark.h"
#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/fused/norm_neuron_pool.h"

namespace ranvier::apps {
namespace {

constexpr std::int64_t steps = 4;

/// What one of the two layers reads: images of `side` by `side` pixels, the same at all steps or
/// others at each.
struct Layer {
  const char* name;
  std::int64_t side;
  bool still;
};

/// Bytes that a CUDA device moves per neuron and step, in values of `value` bytes: each pass reads
/// x, once for all steps if it is still, and reads or writes a quarter of the spikes. The gradient
/// of a still x is summed over its steps in f32.
struct Traffic {
  double forward, backward;

  static Traffic of(const Layer& layer, double value) {
    const double spikes = value / 4, x = layer.still ? value / steps : value;
    const double grad_y = layer.still ? 4.0 / steps : 0;
    const double to_y = x + spikes + grad_y;
    const double to_x = layer.still ? x + grad_y + x : x + spikes + x;
    return {.forward = 2 * x + spikes, .backward = to_y + to_x};
  }
};

void add_layer(const Layer& layer, DType dtype, const BenchOptions& o,
               std::vector<Measurement>& results) {
  const Shape images{o.batch, layer.side, layer.side, o.channels};
  const Shape shape = layer.still ? images : Shape{steps}.concat(images);
  const auto neuron_steps = static_cast<double>(steps * images.numel());
  const Traffic traffic = Traffic::of(layer, static_cast<double>(element_size(dtype)));
  const std::string suffix = fmt::format("{}_{}", layer.name, name(dtype));
  const TensorOptions on_device{.device = o.device};
  Tensor x = normal(shape, 0, 1).to(dtype).to(o.device);
  Tensor gamma = full({o.channels}, 1, on_device), beta = full({o.channels}, 0, on_device);
  const NormNeuronPoolOptions options{.steps = layer.still ? steps : 0, .pool = SpikePool::max};
  const auto run = [&] { return norm_neuron_pool(x, gamma, beta, {}, IFOptions{}, {}, options); };
  const auto add = [&](const std::string& pass, double bytes, const auto& body) {
    Measurement m = measure(fmt::format("{}_{}", pass, suffix), o.runs, body, o.device);
    m.figures = {{"ns/neuron-step", 1e6 * m.median_ms / neuron_steps}};
    if (o.device != cpu_device)
      m.figures.insert(m.figures.end(), {{"GB/s", bytes * neuron_steps / m.median_ms / 1e6},
                                         {"B/neuron-step", bytes}});
    results.push_back(m);
  };
  {
    const NoGradGuard no_grad;
    add("fused_forward", traffic.forward, run);
  }
  for (Tensor* leaf : {&x, &gamma, &beta}) leaf->set_requires_grad(true);
  const Tensor grad = normal(run().spikes.shape(), 0, 1).to(dtype).to(o.device);
  add("fused_forward_backward", traffic.forward + traffic.backward, [&] {
    for (Tensor* leaf : {&x, &gamma, &beta}) leaf->set_grad({});
    run().spikes.backward(grad);
  });
}

}  // namespace

// Motivation: between their convolutions, two such layers are the memory-bound part of the network.
std::vector<Measurement> bench_fused(const BenchOptions& o) {
  seed(0);
  std::vector<Measurement> results;
  for (const Layer& layer : {Layer{"still", 28, true}, Layer{"moving", 14, false}}) {
    add_layer(layer, DType::f32, o, results);
    if (o.device != cpu_device) add_layer(layer, DType::bf16, o, results);
  }
  return results;
}

}  // namespace ranvier::apps
