#include "ranvier/data/resident_events.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

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

}  // namespace

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
  auto* out = words.mutable_data<std::uint8_t>();
  Events events;
  std::int64_t first = 0;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    set.read(i, {}, events);
    RV_CHECK(events.size() <= extent.events - first && duration(events) <= extent.longest,
             "[resident_events] {}: recording {} changed while it was read.", name_, i);
    write(events, set.sensor(), events_.cell_bits, out + first * width);
    slices_.push_back(slice_of(framing, events, first, options.max_steps));
    labels_.push_back(recordings->label(i));
    first += events.size();
  }
  events_.words = words.to(device);
  skipped_ = set.skipped();
}

void ResidentEvents::fetch(std::span<const std::int64_t> samples, const Draw&, Batch& batch) const {
  const auto count = static_cast<std::int64_t>(samples.size());
  RV_CHECK(count > 0, "[{}] a batch must have recordings.", name_);
  reuse_or_allocate(batch.labels, {count}, DType::i64);
  reuse_or_allocate(batch.lengths, {count}, DType::i64);
  auto* labels = batch.labels.mutable_data<std::int64_t>();
  auto* lengths = batch.lengths.mutable_data<std::int64_t>();
  thread_local std::vector<EventSlice> slices;
  slices.clear();
  for (const std::int64_t sample : samples) {
    RV_CHECK(sample >= 0 && sample < size(), "[{}] recording {} is out of range; there are {}.",
             name_, sample, size());
    slices.push_back(slices_[static_cast<std::size_t>(sample)]);
    *labels++ = labels_[static_cast<std::size_t>(sample)];
    *lengths++ = slices.back().steps;
  }
  const std::int64_t steps = std::ranges::max(slices, {}, &EventSlice::steps).steps;
  reuse_or_allocate(batch.frames, Shape{steps, count}.concat(frame_), DType::f32, device_);
  bin_events(events_, slices, batch.frames);
}

}  // namespace ranvier
