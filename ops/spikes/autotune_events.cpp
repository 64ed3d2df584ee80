// Where event-driven products stop paying: both ways timed on one shape for each operation.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "ranvier/core/autocast.h"
#include "ranvier/core/random.h"
#include "ranvier/ops/conv/detail/conv_kernels.h"
#include "ranvier/ops/matmul/detail/matmul_kernels.h"
#include "ranvier/ops/spikes/event_thresholds.h"
#include "ranvier/ops/spikes/spikes.h"

namespace ranvier {
namespace {

template <class Work>
double least_seconds(Work&& work) {
  constexpr int repetitions = 5;
  double least = INFINITY;
  for (int i = 0; i <= repetitions; ++i) {  // the first run warms up
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    if (i > 0) least = std::min(least, time.count());
  }
  return least;
}

Tensor random_spikes(const Shape& shape, double density) {
  Generator generator{.seed = 1};
  Tensor values = uniform(shape, 0, 1, generator);
  float* const v = values.mutable_data<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) v[i] = v[i] < density ? 1.0f : 0.0f;
  return to_bits(values);
}

// The density at which `run(spikes)` takes as long by events as densely: event-driven time grows
// linearly with the density, dense time is constant.
template <class Run>
double crossover(DType compute, const Shape& shape, double EventThresholds::*threshold, Run&& run) {
  constexpr double low = 0.05, high = 0.25, margin = 0.9, most = 0.9;
  const std::array<Tensor, 2> spikes{random_spikes(shape, low), random_spikes(shape, high)};
  EventThresholds forced;
  forced.*threshold = 0;
  set_event_thresholds(compute, forced);
  const double dense = least_seconds([&] { run(spikes[0]); });
  forced.*threshold = 1;
  set_event_thresholds(compute, forced);
  const double at_low = least_seconds([&] { run(spikes[0]); });
  const double at_high = least_seconds([&] { run(spikes[1]); });
  const double slope = std::max((at_high - at_low) / (high - low), dense * 1e-3);
  return std::clamp(margin * (low + (dense - at_low) / slope), 0.0, most);
}

// Puts the thresholds back if something throws on the way.
class Restore {
 public:
  explicit Restore(DType compute) : compute_(compute), before_(event_thresholds(compute)) {}
  ~Restore() { set_event_thresholds(compute_, before_); }

 private:
  DType compute_;
  EventThresholds before_;
};

EventThresholds measure(DType compute) {
  const Restore restore(compute);
  EventThresholds found;
  Generator generator{.seed = 2};

  const Shape x{256, 1024};
  const Tensor weight = normal({1024, 512}, 0, 1, generator),
               gy = normal({256, 512}, 0, 1, generator);
  Tensor y = empty({256, 512}), gw = empty({1024, 512}), no_gb;
  found.linear_forward =
      crossover(compute, x, &EventThresholds::linear_forward, [&](const Tensor& spikes) {
        detail::linear_forward_kernels.cpu(spikes, weight, {}, compute, y);
      });
  found.linear_weight_gradient =
      crossover(compute, x, &EventThresholds::linear_weight_gradient, [&](const Tensor& spikes) {
        detail::linear_weight_gradient_kernels.cpu(spikes, gy, compute, gw, no_gb);
      });

  const Shape images{16, 14, 14, 128}, kernel{3, 3, 128, 128};
  const detail::ConvShape shape = detail::conv_shape(images, kernel, {.padding = {1, 1}});
  const Tensor conv_weight = normal(kernel, 0, 1, generator),
               conv_gy = normal(images, 0, 1, generator);
  Tensor conv_y = empty(images), conv_gw = empty(kernel);
  found.conv_forward =
      crossover(compute, images, &EventThresholds::conv_forward, [&](const Tensor& spikes) {
        detail::conv_forward_kernels.cpu(shape, spikes, conv_weight, {}, compute, conv_y);
      });
  found.conv_weight_gradient =
      crossover(compute, images, &EventThresholds::conv_weight_gradient, [&](const Tensor& spikes) {
        detail::conv_weight_gradient_kernels.cpu(shape, spikes, conv_gy, compute, conv_gw);
      });
  return found;
}

}  // namespace

EventThresholds autotune_event_thresholds(DType compute) {
  const AutocastGuard available(compute);  // says so if this processor lacks the dtype
  const EventThresholds found = measure(compute);
  set_event_thresholds(compute, found);
  return found;
}

}  // namespace ranvier
