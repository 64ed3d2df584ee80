#include "ranvier/data/resident_events.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "ranvier/data/detail/resident_kernels.h"

namespace ranvier {
namespace {

int bits_of(std::int64_t largest) { return std::bit_width(static_cast<std::uint64_t>(largest)); }

const ToFrame& framing_of(const Recordings& recordings, const EventDatasetOptions& options) {
  const ToFrame* framing = options.framing.as<ToFrame>();
  RV_CHECK(framing != nullptr && framing->time_window > 0,
           "[resident_events] {}: the framing must be a ToFrame with time_window; got {}.",
           recordings.name(), options.framing.describe());
  RV_CHECK(!options.transform.is_random(),
           "[resident_events] {}: {} draws random numbers; recordings in memory stay as they are.",
           recordings.name(), options.transform.describe());
  return *framing;
}

/// How much room the recordings take.
struct Extent {
  std::int64_t events = 0;
  std::int64_t longest = 0;  // microseconds from the first to the last event
};

std::int64_t duration(const Events& events) {
  return events.empty() ? 0 : events.t.back() - events.t.front();
}

Extent measure(const EventDataset& set) {
  Extent extent;
  Events events;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    set.read(i, {}, events);
    extent.events += events.size();
    extent.longest = std::max(extent.longest, duration(events));
  }
  return extent;
}

/// Writes the words of `events`, whose time counts from the first of them.
template <class Word>
void write_words(const Events& events, const Sensor& sensor, int cell_bits, std::uint8_t* out) {
  for (std::size_t i = 0; i < events.t.size(); ++i, out += sizeof(Word)) {
    const auto time = static_cast<Word>(events.t[i] - events.t[0]);
    const auto cell = static_cast<Word>(
        event_cell(sensor.width, sensor.polarities, events.x[i], events.y[i], events.p[i]));
    const auto word = static_cast<Word>(time << cell_bits | cell);
    std::memcpy(out, &word, sizeof word);
  }
}

/// The windows of `events` on the axis of time of their words.
EventSlice slice_of(const ToFrame& framing, const Events& events, std::int64_t first,
                    std::int64_t max_steps) {
  TimeWindows windows = framing.windows(events);
  const std::int64_t origin = events.empty() ? 0 : events.t[0];
  windows.start -= origin;
  windows.end -= origin;
  const std::int64_t steps = max_steps > 0 ? std::min(max_steps, windows.count) : windows.count;
  return {.first = first, .count = events.size(), .windows = windows, .steps = steps};
}

void gather_recordings_cpu(const Tensor& all_labels, const Tensor& all_lengths,
                           const Tensor& samples, std::int64_t steps, Tensor& labels,
                           Tensor& lengths) {
  const auto* sample = samples.data<std::int64_t>();
  const auto* label = all_labels.data<std::int64_t>();
  const auto* length = all_lengths.data<std::int64_t>();
  auto* out_labels = labels.mutable_data<std::int64_t>();
  auto* out_lengths = lengths.mutable_data<std::int64_t>();
  for (std::int64_t b = 0; b < samples.numel(); ++b) {
    out_labels[b] = label[sample[b]];
    out_lengths[b] = std::min(steps, length[sample[b]]);
  }
}

}  // namespace

namespace detail {
constinit DeviceKernels<GatherRecordingsKernel> gather_recordings_kernels{
    .cpu = gather_recordings_cpu};
}

ResidentEvents::ResidentEvents(std::shared_ptr<const Recordings> recordings,
                               const EventDatasetOptions& options, Device device)
    : device_(device) {
  const EventDataset set(recordings, options);
  const ToFrame& framing = framing_of(*recordings, options);
  require_available(device);
  name_ = recordings->name();
  frame_ = set.frame();
  const Extent extent = measure(set);
  events_.cells = frame_.numel();
  events_.cell_bits = bits_of(events_.cells - 1);
  const int bits = events_.cell_bits + bits_of(extent.longest);
  RV_CHECK(bits <= 64,
           "[resident_events] {}: a recording of {} us on {} pixels and polarities needs {} bits "
           "for an event; 64 are there: crop it.",
           name_, extent.longest, events_.cells, bits);
  const std::int64_t width = bits <= 32 ? 4 : 8;
  const auto write = width == 4 ? write_words<std::uint32_t> : write_words<std::uint64_t>;

  Tensor words = empty({extent.events, width}, {.dtype = DType::u8});
  Tensor labels = empty({set.size()}, {.dtype = DType::i64});
  Tensor lengths = empty_like(labels);
  auto* out = words.mutable_data<std::uint8_t>();
  Events events;
  std::int64_t first = 0;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    set.read(i, {}, events);
    RV_CHECK(events.size() <= extent.events - first && duration(events) <= extent.longest,
             "[resident_events] {}: recording {} changed while it was read.", name_, i);
    write(events, set.sensor(), events_.cell_bits, out + first * width);
    slices_.push_back(slice_of(framing, events, first, options.max_steps));
    labels.mutable_data<std::int64_t>()[i] = recordings->label(i);
    lengths.mutable_data<std::int64_t>()[i] = slices_.back().steps;
    steps_ = std::max(steps_, slices_.back().steps);
    first += events.size();
  }
  events_.words = words.to(device);
  table_ = slice_table(slices_).to(device);
  labels_ = labels.to(device);
  lengths_ = lengths.to(device);
  skipped_ = set.skipped();
}

void ResidentEvents::fetch(std::span<const std::int64_t> samples, const Draw&, Batch& batch) const {
  const auto count = static_cast<std::int64_t>(samples.size());
  RV_CHECK(count > 0, "[{}] a batch must have recordings.", name_);
  std::int64_t steps = 0;
  for (const std::int64_t sample : samples) {
    RV_CHECK(sample >= 0 && sample < size(), "[{}] recording {} is out of range; there are {}.",
             name_, sample, size());
    steps = std::max(steps, slices_[static_cast<std::size_t>(sample)].steps);
  }
  gather(from_span(samples, {count}).to(device_), steps, batch);
}

void ResidentEvents::gather(const Tensor& samples, std::int64_t steps, Batch& batch) const {
  RV_CHECK(samples.dtype() == DType::i64 && samples.rank() == 1 && steps >= 1,
           "[{}] a batch needs samples, i64 [B], and steps >= 1; got {} {} and {}.", name_,
           samples.dtype(), samples.shape(), steps);
  const std::int64_t count = samples.size(0);
  reuse_or_allocate(batch.labels, {count}, DType::i64, device_);
  reuse_or_allocate(batch.lengths, {count}, DType::i64, device_);
  reuse_or_allocate(batch.frames, Shape{steps, count}.concat(frame_), DType::f32, device_);
  bin_events(events_, table_, samples, batch.frames);
  kernel_for("resident_events", device_, detail::gather_recordings_kernels)(
      labels_, lengths_, samples, steps, batch.labels, batch.lengths);
}

}  // namespace ranvier
