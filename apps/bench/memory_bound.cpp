// Memory-bound work against the copy of the same run.
#include <fmt/core.h>
#include <immintrin.h>

#include "apps/bench/benchmark.h"
#include "ranvier/core/parallel.h"
#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/neurons/detail/scan_kernels.h"
#include "ranvier/ops/neurons/scan.h"
#include "ranvier/ops/sequence/delay.h"

namespace ranvier::apps {
namespace {

double gigabytes_per_second(double bytes, double milliseconds) {
  return bytes / milliseconds / 1e6;
}

Measurement measure_copy(std::int64_t steps, const BenchOptions& o) {
  const Tensor from = uniform({steps, o.neurons}, 0, 1).to(o.device);
  Tensor to = empty_like(from);
  Measurement m = measure(
      fmt::format("copy_T{}", steps), o.runs, [&] { copy_into(to, from); }, o.device);
  m.figures = {
      {"GB/s", gigabytes_per_second(8.0 * static_cast<double>(steps * o.neurons), m.median_ms)}};
  return m;
}

// Motivation: a backward pass reads two sequences and writes a third; a sum of two, stored past the
// caches, is the most that such traffic can reach.
Measurement measure_triad(std::int64_t steps, const BenchOptions& o) {
  const Tensor a = uniform({steps, o.neurons}, 0, 1), b = uniform({steps, o.neurons}, 0, 1);
  Tensor sum = empty_like(a);
  const float *const from_a = a.data<float>(), *const from_b = b.data<float>();
  float* const to = sum.mutable_data<float>();
  Measurement m = measure(fmt::format("triad_T{}", steps), o.runs, [&] {
    parallel_for(0, a.numel() / 4, 1 << 12, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = 4 * begin; i < 4 * end; i += 4)
        _mm_stream_ps(to + i, _mm_add_ps(_mm_load_ps(from_a + i), _mm_load_ps(from_b + i)));
      _mm_sfence();
    });
  });
  m.figures = {
      {"GB/s", gigabytes_per_second(12.0 * static_cast<double>(steps * o.neurons), m.median_ms)}};
  return m;
}

/// Adds the bandwidth of `bytes` per neuron-step and its share of the copy's.
void add_bandwidth(Measurement& m, std::int64_t steps, double bytes, const Measurement& copy,
                   const BenchOptions& o) {
  const auto neuron_steps = static_cast<double>(steps * o.neurons);
  const double rate = gigabytes_per_second(bytes * neuron_steps, m.median_ms);
  m.figures = {{"GB/s", rate},
               {"% of copy", 100 * rate / copy.figures.front().second},
               {"B/neuron-step", bytes},
               {"ns/neuron-step", 1e6 * m.median_ms / neuron_steps}};
}

// Motivation: a scan that reads x and writes spikes moves two values per neuron-step, and three
// more backward (x, the spikes' gradient, the input's gradient); nothing moves less. CUDA devices
// also leave the state at times and read it on the way back.
void add_scans(std::int64_t steps, DType dtype, const Measurement& copy, const BenchOptions& o,
               std::vector<Measurement>& results) {
  const std::string suffix =
      fmt::format("T{}{}", steps, dtype == DType::f32 ? "" : fmt::format("_{}", name(dtype)));
  const auto value = static_cast<double>(element_size(dtype));
  const Neuron lif = LIFOptions{.tau = 2.0};
  Tensor x = uniform({steps, o.neurons}, -0.5, 2.5).to(dtype).to(o.device);
  {
    const NoGradGuard no_grad;
    Measurement forward = measure(
        "lif_forward_" + suffix, o.runs, [&] { scan(lif, x); }, o.device);
    add_bandwidth(forward, steps, 2 * value, copy, o);
    results.push_back(forward);
  }
  x.set_requires_grad(true);
  const Tensor seed = uniform({steps, o.neurons}, -1, 1).to(dtype).to(o.device);
  Measurement both = measure(
      "lif_forward_backward_" + suffix, o.runs,
      [&] {
        x.set_grad({});
        scan(lif, x).spikes.backward(seed);
      },
      o.device);
  const auto states =
      static_cast<double>(o.device == cpu_device ? 0 : neurons::checkpoint_count(steps));
  add_bandwidth(both, steps, 5 * value + 2 * 4 * states / static_cast<double>(steps), copy, o);
  results.push_back(both);
}

// Motivation: each value of a delayed sequence is read and written once; backward, that is done to
// the gradient of the output, which is read once more along with x for that of the delays.
void add_delays(std::int64_t steps, const Measurement& copy, const BenchOptions& o,
                std::vector<Measurement>& results) {
  constexpr std::int64_t channels = 256, most = 25;
  const Shape shape{steps, o.neurons / channels, channels};
  Tensor x = uniform(shape, -1, 1).to(o.device), delays = uniform({channels}, 0, most).to(o.device);
  const Tensor seed = uniform(shape, -1, 1).to(o.device);
  const auto delayed = [&] { return delay(x, delays, {}, {.max_delay = most}).output; };
  const auto add = [&](const std::string& pass, double bytes, const auto& body) {
    Measurement m = measure(fmt::format("delay_{}_T{}", pass, steps), o.runs, body, o.device);
    add_bandwidth(m, steps, bytes, copy, o);
    results.push_back(m);
  };
  add("forward", 8, delayed);
  x.set_requires_grad(true);
  delays.set_requires_grad(true);
  add("forward_backward", 24, [&] {
    x.set_grad({});
    delays.set_grad({});
    delayed().backward(seed);
  });
}

}  // namespace

std::vector<Measurement> bench_copy(const BenchOptions& o) {
  std::vector<Measurement> results;
  for (const std::int64_t steps : {8, 64}) {
    results.push_back(measure_copy(steps, o));
    if (o.device == cpu_device) results.push_back(measure_triad(steps, o));
  }
  return results;
}

std::vector<Measurement> bench_neurons(const BenchOptions& o) {
  std::vector<Measurement> results;
  for (const std::int64_t steps : {8, 16, 32, 64, 128}) {
    if (o.device == cpu_device && steps * o.neurons > std::int64_t{1} << 26) break;  // of memory
    results.push_back(measure_copy(steps, o));
    const Measurement copy = results.back();
    if (o.device == cpu_device) results.push_back(measure_triad(steps, o));
    add_scans(steps, DType::f32, copy, o, results);
    if (o.device != cpu_device) add_scans(steps, DType::f16, copy, o, results);
  }
  return results;
}

std::vector<Measurement> bench_delays(const BenchOptions& o) {
  constexpr std::int64_t steps = 64;
  std::vector<Measurement> results{measure_copy(steps, o)};
  add_delays(steps, Measurement(results[0]), o, results);
  return results;
}

}  // namespace ranvier::apps
