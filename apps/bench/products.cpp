// Products and convolutions of the tutorial networks, dense and event by event.
#include <fmt/core.h>

#include "apps/bench/benchmark.h"
#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/conv/conv2d.h"
#include "ranvier/ops/matmul/linear.h"
#include "ranvier/ops/spikes/spikes.h"

namespace ranvier::apps {
namespace {

void add_rate(Measurement& m, double multiply_adds) {
  m.figures = {{"GFLOP/s (dense count)", 2 * multiply_adds / m.median_ms / 1e6}};
}

Measurement measure_linear(const std::string& name, const Tensor& x, const Tensor& weight,
                           int runs) {
  const NoGradGuard no_grad;
  Measurement m = measure(name, runs, [&] { linear(x, weight); });
  add_rate(m, static_cast<double>(x.numel() * weight.size(1)));
  return m;
}

Measurement measure_conv(const std::string& name, const Tensor& x, const Tensor& weight, int runs) {
  const NoGradGuard no_grad;
  Measurement m = measure(name, runs, [&] { conv2d(x, weight, {}, {.padding = {1, 1}}); });
  add_rate(m, static_cast<double>(x.numel() / x.size(-1) * weight.numel()));
  return m;
}

}  // namespace

// Motivation: spikes are sparse; below some density, adding up the weights of those that fired
// beats the dense product. Which is taken is decided per call by measured density.
std::vector<Measurement> bench_products(const BenchOptions& o) {
  std::vector<Measurement> results;
  const Tensor fc = uniform({6272, 2048}, -1, 1), conv = uniform({3, 3, 128, 128}, -1, 1);
  results.push_back(
      measure_linear("linear_512x6272x2048_dense", uniform({512, 6272}, 0, 1), fc, o.runs));
  results.push_back(
      measure_conv("conv_512x14x14x128_dense", uniform({512, 14, 14, 128}, 0, 1), conv, o.runs));
  for (const double density : {0.02, 0.05, 0.10, 0.20, 0.40}) {
    results.push_back(measure_linear(fmt::format("linear_spikes_{:.0f}%", 100 * density),
                                     to_bits(random_spikes({512, 6272}, density)), fc, o.runs));
    results.push_back(measure_conv(fmt::format("conv_spikes_{:.0f}%", 100 * density),
                                   to_bits(random_spikes({512, 14, 14, 128}, density)), conv,
                                   o.runs));
  }
  return results;
}

}  // namespace ranvier::apps
