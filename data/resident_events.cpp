#include "ranvier/data/resident_events.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "ranvier/core/activity.h"
#include "ranvier/data/detail/resident_kernels.h"

namespace ranvier {
namespace {

int bits_of(std::int64_t largest) { return std::bit_width(static_cast<std::uint64_t>(largest)); }

const ToFrame& framing_of(const Recordings& recordings, const EventDatasetOptions& options) {
  const ToFrame* framing = options.framing.as<ToFrame>();
  RV_CHECK(framing != nullptr, "[resident_events] {}: the framing must be a ToFrame; got {}.",
           recordings.name(), options.framing.describe());
  RV_CHECK(!options.transform.is_random(),
           "[resident_events] {}: {} draws random numbers; recordings in memory stay as they are.",
           recordings.name(), options.transform.describe());
  return *framing;
}

/// Reads recordings and cuts them into the steps that are wanted.
class Cutter {
 public:
  Cutter(const EventDataset& set, const EventDatasetOptions& options)
      : set_(set), framing_(framing_of(set.recordings(), options)), max_steps_(options.max_steps) {
    if (options.part) part_ = *options.part;
  }

  /// Overwrites what the members below tell with that of recording `sample`.
  void read(std::int64_t sample) {
    set_.read(sample, {}, events_);
    const std::int64_t all = framing_.steps(events_);
    length_ = max_steps_ > 0 ? std::min(all, max_steps_) : all;
    const std::int64_t wanted = std::clamp(length_, part_.begin, part_.end) - part_.begin;
    steps_.resize(static_cast<std::size_t>(wanted));
    if (wanted > 0) framing_.cut(events_, part_.begin, steps_);
  }

  const Events& events() const { return events_; }
  /// The steps that are wanted.
  const std::vector<StepEvents>& steps() const { return steps_; }
  /// Steps of the recording, wanted or not.
  std::int64_t length() const { return length_; }
  /// Events of the steps that are wanted; one that several of them share counts for each.
  std::int64_t count() const {
    std::int64_t sum = 0;
    for (const StepEvents& step : steps_) sum += step.end - step.first;
    return sum;
  }

 private:
  const EventDataset& set_;
  const ToFrame& framing_;
  const std::int64_t max_steps_;
  Slice part_ = Slice::whole(std::numeric_limits<std::int64_t>::max());
  Events events_;
  std::vector<StepEvents> steps_;
  std::int64_t length_ = 0;
};

/// How much room the recordings take.
struct Extent {
  std::int64_t events = 0;
  std::int64_t steps = 1;  // of the longest
};

Extent measure(const EventDataset& set, Cutter& cutter) {
  Extent extent;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    cutter.read(i);
    extent.events += cutter.count();
    extent.steps = std::max(extent.steps, static_cast<std::int64_t>(cutter.steps().size()));
  }
  return extent;
}

/// Writes the words of the events of each step, whose time is the number of the step.
template <class Word>
void write_words(const Cutter& cut, const Sensor& sensor, int cell_bits, std::uint8_t* out) {
  const Events& events = cut.events();
  Word step = 0;
  for (const auto& [first, end] : cut.steps()) {
    for (auto i = static_cast<std::size_t>(first); i < static_cast<std::size_t>(end); ++i) {
      const auto cell = static_cast<Word>(
          event_cell(sensor.width, sensor.polarities, events.x[i], events.y[i], events.p[i]));
      const auto word = static_cast<Word>(step << cell_bits | cell);
      std::memcpy(out, &word, sizeof word);
      out += sizeof word;
    }
    ++step;
  }
}

/// `count` events from `first` on, whose words tell their step.
EventSlice slice_of(std::int64_t first, std::int64_t count, std::int64_t steps) {
  return {.first = first,
          .count = count,
          .windows = {.start = 0, .length = 1, .stride = 1, .count = steps, .end = steps},
          .steps = steps};
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
    : device_(device), part_(options.part) {
  const OperationScope operation("resident_events");
  const EventDataset set(recordings, options);
  Cutter cutter(set, options);
  require_available(device);
  name_ = recordings->name();
  frame_ = set.frame();
  const Extent extent = measure(set, cutter);
  steps_ = part_ ? part_->length() : extent.steps;
  events_.cells = frame_.numel();
  events_.cell_bits = bits_of(events_.cells - 1);
  const std::int64_t width = events_.cell_bits + bits_of(extent.steps - 1) <= 32 ? 4 : 8;
  const auto write = width == 4 ? write_words<std::uint32_t> : write_words<std::uint64_t>;

  Tensor words = empty({extent.events, width}, {.dtype = DType::u8});
  Tensor labels = empty({set.size()}, {.dtype = DType::i64});
  Tensor lengths = empty_like(labels);
  auto* out = words.mutable_data<std::uint8_t>();
  std::vector<EventSlice> slices;
  std::int64_t first = 0;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    cutter.read(i);
    const std::int64_t count = cutter.count();
    const auto steps = static_cast<std::int64_t>(cutter.steps().size());
    RV_CHECK(count <= extent.events - first && steps <= extent.steps,
             "[resident_events] {}: recording {} changed while it was read.", name_, i);
    write(cutter, set.sensor(), events_.cell_bits, out + first * width);
    slices.push_back(slice_of(first, count, steps));
    labels.mutable_data<std::int64_t>()[i] = recordings->label(i);
    lengths.mutable_data<std::int64_t>()[i] = cutter.length();
    first += count;
  }
  events_.words = words.to(device);
  table_ = slice_table(slices).to(device);
  labels_ = labels.to(device);
  lengths_ = lengths.to(device);
  host_lengths_ = lengths;
  skipped_ = set.skipped();
}

void ResidentEvents::fetch(std::span<const std::int64_t> samples, const Draw&, Batch& batch) const {
  const auto count = static_cast<std::int64_t>(samples.size());
  RV_CHECK(count > 0, "[{}] a batch must have recordings.", name_);
  std::int64_t longest = 0;
  for (const std::int64_t sample : samples) {
    RV_CHECK(sample >= 0 && sample < size(), "[{}] recording {} is out of range; there are {}.",
             name_, sample, size());
    longest = std::max(longest, host_lengths_.data<std::int64_t>()[sample]);
  }
  gather(from_span(samples, {count}).to(device_), part_ ? steps_ : longest, batch);
}

void ResidentEvents::gather(const Tensor& samples, std::int64_t steps, Batch& batch) const {
  RV_CHECK(samples.dtype() == DType::i64 && samples.rank() == 1 && steps >= 1,
           "[{}] a batch needs samples, i64 [B], and steps >= 1; got {} {} and {}.", name_,
           samples.dtype(), samples.shape(), steps);
  RV_CHECK(!part_ || steps == steps_, "[{}] the part that is kept has {} steps; got {}.", name_,
           steps_, steps);
  const OperationScope operation("resident_events");
  const std::int64_t count = samples.size(0);
  reuse_or_allocate(batch.labels, {count}, DType::i64, device_);
  reuse_or_allocate(batch.lengths, {count}, DType::i64, device_);
  reuse_or_allocate(batch.frames, Shape{steps, count}.concat(frame_), DType::f32, device_);
  bin_events(events_, table_, samples, batch.frames);
  kernel_for("resident_events", device_, detail::gather_recordings_kernels)(
      labels_, lengths_, samples, part_ ? part_->total : steps, batch.labels, batch.lengths);
}

}  // namespace ranvier
