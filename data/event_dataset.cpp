#include "ranvier/data/event_dataset.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "ranvier/data/detail/checked_events.h"
#include "ranvier/data/detail/skip_log.h"

namespace ranvier {
namespace {

/// The frames of a batch while they are made, recording by recording: time-major, with room for
/// the longest so far, or for the part that is wanted, so that the events of only one recording are
/// in memory.
class FrameColumns {
 public:
  FrameColumns(Tensor& frames, std::int64_t columns, const Shape& frame,
               const std::optional<Slice>& part)
      : frames_(frames), columns_(columns), frame_(frame), row_(columns * frame.numel()) {
    if (frames_.defined() && frames_.device() == cpu_device) {
      room_ = static_cast<std::int64_t>(frames_.storage()->bytes()) / row_bytes();
      data_ = reinterpret_cast<float*>(frames_.storage()->data());
    }
    if (!part) return;
    begin_ = part->begin;
    most_ = part->length();
    make_room(most_);
  }

  /// Where the rows of recording `column`, of `length` steps in all, go.
  FrameRows rows(std::int64_t column, std::int64_t length) {
    const std::int64_t steps = steps_here(length);
    make_room(steps);
    return {data_ + column * frame_.numel(), row_, steps, begin_};
  }

  /// Makes the batch as long as the longest recording and clears what others have left open.
  void finish(const std::int64_t* lengths) {
    const auto bytes = static_cast<std::size_t>(frame_.numel()) * sizeof(float);
    const std::int64_t shortest = *std::min_element(lengths, lengths + columns_);
    for (std::int64_t step = steps_here(shortest); step < longest_; ++step)
      for (std::int64_t column = 0; column < columns_; ++column)
        if (steps_here(lengths[column]) <= step)
          std::memset(data_ + step * row_ + column * frame_.numel(), 0, bytes);
    const Shape shape = Shape{longest_, columns_}.concat(frame_);
    if (frames_.shape() != shape || frames_.dtype() != DType::f32)
      frames_ = Tensor(frames_.storage(), 0, shape, DType::f32);
    frames_.storage()->bump_version();
  }

 private:
  std::int64_t row_bytes() const { return row_ * static_cast<std::int64_t>(sizeof(float)); }

  /// Of a recording of `length` steps, how many are wanted.
  std::int64_t steps_here(std::int64_t length) const {
    return std::clamp<std::int64_t>(length - begin_, 0, most_);
  }

  void make_room(std::int64_t steps) {
    if (steps > room_) grow(steps);
    longest_ = std::max(longest_, steps);
  }

  void grow(std::int64_t steps) {
    const std::int64_t room = std::max(steps, room_ + room_ / 4);
    const Tensor shorter = frames_;
    frames_ = empty(Shape{room, columns_}.concat(frame_));
    data_ = frames_.mutable_data<float>();
    if (longest_ > 0)
      std::memcpy(data_, shorter.raw_data(), static_cast<std::size_t>(longest_ * row_bytes()));
    room_ = room;
  }

  Tensor& frames_;
  const std::int64_t columns_;
  const Shape frame_;
  const std::int64_t row_;  // elements of all recordings' frames of one step
  std::int64_t begin_ = 0, most_ = std::numeric_limits<std::int64_t>::max();  // wanted steps
  std::int64_t room_ = 0, longest_ = 0;                                       // steps
  float* data_ = nullptr;
};

}  // namespace

void EventBatch::release_shared() { ranvier::release_shared({&frames, &labels, &lengths}); }

EventDataset::EventDataset(std::shared_ptr<const Recordings> recordings,
                           EventDatasetOptions options)
    : recordings_(std::move(recordings)),
      options_(std::move(options)),
      skip_log_(std::make_shared<detail::SkipLog>()) {
  RV_CHECK(recordings_ != nullptr, "[event_dataset] there must be recordings; got null.");
  RV_CHECK(recordings_->size() > 0, "[{}] the data set has no recordings.", recordings_->name());
  RV_CHECK(options_.max_steps >= 0, "[{}] max_steps must be >= 0; got {}.", recordings_->name(),
           options_.max_steps);
  if (const std::optional<Slice>& part = options_.part)
    RV_CHECK(0 <= part->begin && part->begin < part->end && part->end <= part->total &&
                 part->total == options_.max_steps,
             "[{}] a part must be steps of max_steps, which is {}; got [{}, {}) of {}.",
             recordings_->name(), options_.max_steps, part->begin, part->end, part->total);
  sensor_ = options_.transform.sensor_after(recordings_->sensor());
  frame_ = options_.framing.frame(sensor_);
  counting_ = options_.framing.as<ToFrame>();
  lookup_ = options_.transform.lookup(recordings_->sensor());
}

/// Recording `sample` untouched, in `events` unless it lies in memory; null if it is skipped.
const Events* EventDataset::original(std::int64_t sample, Events& events) const {
  check_index(*recordings_, sample);
  if (const Events* kept = recordings_->in_memory(sample)) return kept;
  try {
    detail::read_checked(*recordings_, sample, events);
    return &events;
  } catch (const Error& error) {
    if (!options_.skip_bad) throw;
    skip_log_->add(sample, error.what());
    return nullptr;
  }
}

void EventDataset::read(std::int64_t sample, const Draw& draw, Events& events) const {
  const Events* found = original(sample, events);
  if (found == nullptr) return events.clear();
  if (found != &events) events = *found;
  RandomStream random(draw, sample);
  detail::transform_checked(options_.transform, *recordings_, sample, sensor_, random, events);
}

void EventDataset::fetch(std::span<const std::int64_t> samples, const Draw& draw,
                         Batch& batch) const {
  thread_local Events events;  // as large as the longest recording this thread has met
  const auto count = static_cast<std::int64_t>(samples.size());
  RV_CHECK(count > 0, "[{}] a batch must have recordings.", recordings_->name());
  reuse_or_allocate(batch.labels, {count}, DType::i64);
  reuse_or_allocate(batch.lengths, {count}, DType::i64);
  auto* labels = batch.labels.mutable_data<std::int64_t>();
  auto* lengths = batch.lengths.mutable_data<std::int64_t>();
  FrameColumns columns(batch.frames, count, frame_, options_.part);
  for (std::int64_t column = 0; column < count; ++column) {
    const std::int64_t sample = samples[static_cast<std::size_t>(column)];
    labels[column] = recordings_->label(sample);
    const auto rows = [&](std::int64_t steps) {
      lengths[column] = options_.max_steps > 0 ? std::min(steps, options_.max_steps) : steps;
      return columns.rows(column, lengths[column]);
    };
    if (counting_ != nullptr && lookup_.has_value()) {
      const Events* found = original(sample, events);
      const EventView kept = (found == nullptr ? EventView() : EventView(*found))
                                 .between(lookup_->first_time, lookup_->last_time);
      const FrameRows out = rows(counting_->steps(kept));
      if (out.steps > 0) counting_->write(kept, *lookup_, sensor_, out);
    } else {
      read(sample, draw, events);
      const FrameRows out = rows(options_.framing.steps(events));
      if (out.steps > 0) options_.framing.write(events, sensor_, out);
    }
  }
  columns.finish(lengths);
}

SkippedRecordings EventDataset::skipped() const { return skip_log_->summary(); }

}  // namespace ranvier
