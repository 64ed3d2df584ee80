#include "ranvier/ops/events/bin_events.h"

#include "ranvier/core/dispatch.h"
#include "ranvier/ops/events/detail/bin_events_kernels.h"

namespace ranvier {
namespace {

constexpr DeviceKernels<void(const detail::BinEventsArguments&)> kernels{
    .cpu = detail::bin_events_cpu};

void check(const PackedEvents& events, std::span<const EventSlice> recordings,
           const Tensor& frames) {
  const Tensor& words = events.words;
  RV_CHECK(
      words.dtype() == DType::u8 && words.rank() == 2 && (words.size(1) == 4 || words.size(1) == 8),
      "[bin_events] words must be u8 [N, 4] or [N, 8]; got {} {}.", words.dtype(), words.shape());
  RV_CHECK(events.cell_bits >= 0 && events.cell_bits <= 31 && events.cells >= 1 &&
               events.cells <= std::int64_t{1} << events.cell_bits,
           "[bin_events] cell_bits must be in [0, 31] and hold all cells; got {} for {}.",
           events.cell_bits, events.cells);
  const auto batch = static_cast<std::int64_t>(recordings.size());
  RV_CHECK(frames.dtype() == DType::f32 && frames.rank() >= 2 && frames.size(1) == batch &&
               frames.numel() == frames.size(0) * batch * events.cells,
           "[bin_events] frames must be f32 [T, {}, ...] with {} numbers each; got {} {}.", batch,
           events.cells, frames.dtype(), frames.shape());
  RV_CHECK(frames.device() == words.device(),
           "[bin_events] frames and words must be on one device; got {} and {}.", frames.device(),
           words.device());
  for (const EventSlice& r : recordings) {
    RV_CHECK(r.first >= 0 && r.count >= 0 && r.first <= words.size(0) - r.count,
             "[bin_events] there are {} events; got a recording of {} from {} on.", words.size(0),
             r.count, r.first);
    RV_CHECK(r.steps >= 0 && r.steps <= frames.size(0) && r.steps <= r.windows.count,
             "[bin_events] a recording has {} windows and the frames {} steps; got {} steps.",
             r.windows.count, frames.size(0), r.steps);
  }
}

}  // namespace

void bin_events(const PackedEvents& events, std::span<const EventSlice> recordings,
                Tensor& frames) {
  check(events, recordings, frames);
  kernel_for("bin_events", frames.device(), kernels)({events, recordings, frames});
}

}  // namespace ranvier
