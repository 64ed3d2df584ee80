#include "ranvier/ops/spikes/event_thresholds.h"

#include <algorithm>
#include <atomic>

#include "ranvier/core/error.h"
#include "ranvier/core/parallel.h"
#include "ranvier/ops/spikes/detail/event_choice.h"
#include "ranvier/ops/spikes/detail/spike_kernels.h"
#include "ranvier/ops/spikes/spikes.h"

namespace ranvier {
namespace {

EventThresholds& thresholds_against(DType compute) {
  // A margin below the crossovers measured on Zen 4 and Zen 5 (docs/benchmarks.md).
  static EventThresholds against_f32{.linear_forward = 0.30,
                                     .linear_weight_gradient = 0.30,
                                     .conv_forward = 0.35,
                                     .conv_weight_gradient = 0.30};
  static EventThresholds against_bf16{.linear_forward = 0.12,
                                      .linear_weight_gradient = 0.12,
                                      .conv_forward = 0.18,
                                      .conv_weight_gradient = 0.18};
  RV_CHECK(compute == DType::f32 || compute == DType::bf16,
           "[event_thresholds] dense products are in f32 or bf16; got {}.", compute);
  return compute == DType::bf16 ? against_bf16 : against_f32;
}

}  // namespace

const EventThresholds& event_thresholds(DType compute) { return thresholds_against(compute); }

void set_event_thresholds(DType compute, const EventThresholds& thresholds) {
  for (const double value : {thresholds.linear_forward, thresholds.linear_weight_gradient,
                             thresholds.conv_forward, thresholds.conv_weight_gradient})
    RV_CHECK(value >= 0 && value <= 1,
             "[event_thresholds] thresholds are densities in [0, 1]; got {}.", value);
  thresholds_against(compute) = thresholds;
}

namespace detail {
namespace {

// Below these sizes what a row costs beside its spikes outweighs what they save.
bool large_enough(const EventQuestion& question) {
  const bool bf16 = question.compute == DType::bf16;
  const std::int64_t least_depth = bf16 ? 64 : 16, least_columns = bf16 ? 64 : 8;
  return question.depth >= least_depth && question.columns >= least_columns;
}

}  // namespace

bool choose_events(const EventQuestion& question, const Tensor& spikes) {
  return spikes.dtype() == DType::bits && large_enough(question) &&
         density(spikes) <= event_thresholds(question.compute).*question.threshold;
}

EventChoice::EventChoice(const EventQuestion& question, const Tensor& spikes, std::int64_t items,
                         std::int64_t item_words, std::int64_t item_elements)
    : items_(items), flags_(static_cast<std::size_t>(items), cpu_device) {
  auto* const flags = reinterpret_cast<std::uint8_t*>(flags_.data());
  if (!large_enough(question)) {
    std::fill_n(flags, items, std::uint8_t{0});
    return;
  }
  const double most =
      event_thresholds(question.compute).*question.threshold * static_cast<double>(item_elements);
  const auto* const words = spikes.data<std::uint64_t>();
  const auto count = spike_kernels().count;
  std::atomic<std::int64_t> events = 0;
  parallel_for(0, items, 1 + (1 << 12) / item_words, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t chosen = 0;
    for (std::int64_t item = begin; item < end; ++item) {
      flags[item] = static_cast<double>(count(words + item * item_words, item_words)) <= most;
      chosen += flags[item];
    }
    events += chosen;
  });
  events_ = events;
}

}  // namespace detail
}  // namespace ranvier
