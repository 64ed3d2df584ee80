// One large layer over many steps: where the products should be all there is to wait for.
#include <fmt/core.h>

#include "apps/bench/benchmark.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/random.h"
#include "ranvier/ops/matmul/linear.h"
#include "ranvier/ops/neurons/scan.h"

namespace ranvier::apps {

// Motivation: the layer that the Open Neuromorphic benchmark times of many libraries, a product and
// LIF neurons forward and backward, with a gradient for the weight and none for the input. In f32
// that would take a device minutes: there it is measured in bf16, on the CPU a smaller one.
std::vector<Measurement> bench_linear_lif(const BenchOptions& o) {
  const bool cpu = o.device == cpu_device;
  const std::int64_t size = cpu ? 1024 : 16384, steps = cpu ? 100 : 500, batch = 16;
  const DType compute = cpu ? DType::f32 : DType::bf16;
  seed(0);
  const Tensor spikes = random_spikes({steps, batch, size}, 0.1).to(compute).to(o.device);
  Tensor weight = uniform({size, size}, -0.05, 0.05).to(o.device).set_requires_grad(true);
  const Tensor grad = uniform({steps, batch, size}, -1, 1).to(compute).to(o.device);
  const Neuron lif = LIFOptions{.tau = 2.0};
  const AutocastGuard autocast(compute, o.device);
  Measurement m = measure(
      fmt::format("linear_lif_{}_T{}_{}", size, steps, name(compute)), o.runs,
      [&] {
        weight.set_grad({});
        scan(lif, linear(spikes, weight)).spikes.backward(grad);
      },
      o.device);
  const auto products = 2 * 2 * static_cast<double>(steps * batch * size * size);
  m.figures = {{"TFLOP/s", products / m.median_ms / 1e9}};
  return {m};
}

}  // namespace ranvier::apps
