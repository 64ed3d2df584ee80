#include "ranvier/ops/events/bin_events.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "ranvier/ops/events/detail/bin_events_kernels.h"

namespace ranvier {
namespace {

static_assert(sizeof(EventSlice) == 8 * sizeof(std::int64_t));

void check_events(const PackedEvents& events, std::int64_t batch, const Tensor& frames) {
  const Tensor& words = events.words;
  RV_CHECK(
      words.dtype() == DType::u8 && words.rank() == 2 && (words.size(1) == 4 || words.size(1) == 8),
      "[bin_events] words must be u8 [N, 4] or [N, 8]; got {} {}.", words.dtype(), words.shape());
  RV_CHECK(events.cell_bits >= 0 && events.cell_bits <= 31 && events.cells >= 1 &&
               events.cells <= std::int64_t{1} << events.cell_bits,
           "[bin_events] cell_bits must be in [0, 31] and hold all cells; got {} for {}.",
           events.cell_bits, events.cells);
  RV_CHECK(frames.dtype() == DType::f32 && frames.rank() >= 2 && frames.size(1) == batch &&
               frames.numel() == frames.size(0) * batch * events.cells,
           "[bin_events] frames must be f32 [T, {}, ...] with {} numbers each; got {} {}.", batch,
           events.cells, frames.dtype(), frames.shape());
  RV_CHECK(frames.device() == words.device(),
           "[bin_events] frames and words must be on one device; got {} and {}.", frames.device(),
           words.device());
}

void check_recordings(const PackedEvents& events, std::span<const EventSlice> recordings,
                      const Tensor& frames) {
  const std::int64_t words = events.words.size(0);
  for (const EventSlice& r : recordings) {
    RV_CHECK(r.first >= 0 && r.count >= 0 && r.first <= words - r.count,
             "[bin_events] there are {} events; got a recording of {} from {} on.", words, r.count,
             r.first);
    RV_CHECK(r.steps >= 0 && r.steps <= frames.size(0) && r.steps <= r.windows.count,
             "[bin_events] a recording has {} windows and the frames {} steps; got {} steps.",
             r.windows.count, frames.size(0), r.steps);
  }
}

void bin_samples_cpu(const PackedEvents& events, const Tensor& table, const Tensor& samples,
                     Tensor& frames) {
  thread_local std::vector<EventSlice> recordings;
  recordings.resize(static_cast<std::size_t>(samples.numel()));
  const auto* sample = samples.data<std::int64_t>();
  const auto* slices = table.data<std::int64_t>();
  for (std::size_t b = 0; b < recordings.size(); ++b) {
    RV_CHECK(sample[b] >= 0 && sample[b] < table.size(0),
             "[bin_events] sample {} is {}; there are {} recordings.", b, sample[b], table.size(0));
    std::memcpy(static_cast<void*>(&recordings[b]), slices + 8 * sample[b], sizeof(EventSlice));
    recordings[b].steps = std::min(recordings[b].steps, frames.size(0));
  }
  check_recordings(events, recordings, frames);
  detail::bin_events_cpu(events, recordings, frames);
}

}  // namespace

namespace detail {
constinit DeviceKernels<BinEventsKernel> bin_events_kernels{.cpu = bin_samples_cpu};
}

Tensor slice_table(std::span<const EventSlice> recordings) {
  Tensor table = empty({static_cast<std::int64_t>(recordings.size()), 8}, {.dtype = DType::i64});
  if (!recordings.empty())
    std::memcpy(table.mutable_data<std::int64_t>(), recordings.data(), recordings.size_bytes());
  return table;
}

void bin_events(const PackedEvents& events, std::span<const EventSlice> recordings,
                Tensor& frames) {
  check_events(events, static_cast<std::int64_t>(recordings.size()), frames);
  check_recordings(events, recordings, frames);
  const Device device = frames.device();
  if (device == cpu_device) return detail::bin_events_cpu(events, recordings, frames);
  kernel_for("bin_events", device, detail::bin_events_kernels)(
      events, slice_table(recordings).to(device), {}, frames);
}

void bin_events(const PackedEvents& events, const Tensor& table, const Tensor& samples,
                Tensor& frames) {
  RV_CHECK(table.dtype() == DType::i64 && table.rank() == 2 && table.size(1) == 8,
           "[bin_events] the table must be i64 [N, 8]; got {} {}.", table.dtype(), table.shape());
  RV_CHECK(samples.dtype() == DType::i64 && samples.rank() == 1,
           "[bin_events] samples must be i64 [B]; got {} {}.", samples.dtype(), samples.shape());
  check_events(events, samples.numel(), frames);
  kernel_for("bin_events", frames.device(), detail::bin_events_kernels)(events, table, samples,
                                                                        frames);
}

}  // namespace ranvier
