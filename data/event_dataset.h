// Recordings as batches of frames, padded to one length.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ranvier/core/partition.h"
#include "ranvier/core/tensor.h"
#include "ranvier/data/dataset.h"
#include "ranvier/data/events/recordings.h"
#include "ranvier/data/transforms/framing.h"
#include "ranvier/data/transforms/lookup.h"
#include "ranvier/data/transforms/to_frame.h"
#include "ranvier/data/transforms/transform.h"

namespace ranvier {

/// Some recordings as frames, ready for a network.
struct EventBatch {
  Tensor frames;   ///< f32 [T, B, frame...], zero after a recording's own steps
  Tensor labels;   ///< i64 [B]
  Tensor lengths;  ///< i64 [B]: steps of each recording, those of other parts among them

  std::int64_t size() const { return labels.defined() ? labels.size(0) : 0; }
  /// Lets go of arrays that somebody else holds too.
  void release_shared();
};

/// What becomes of a recording on its way into a batch.
struct EventDatasetOptions {
  Framing framing;
  EventTransform transform = {};  ///< before framing, with new random numbers every epoch
  std::int64_t max_steps = 0;     ///< longer recordings are cut after this many steps; 0: never
  /// Batches have these of `max_steps` steps, no others, where several ranks share the steps; T is
  /// their number however short the recordings are. Absent: all, and T is the longest recording's.
  std::optional<Slice> part = {};
  /// True: a recording that cannot be read becomes one without events whose label is kept, and is
  /// counted (`EventDataset::skipped`); false: it is an error.
  bool skip_bad = false;
};

/// Recordings that could not be read.
struct SkippedRecordings {
  std::int64_t count = 0;
  std::string first_error;  ///< of the one with the lowest index; "" if there are none
};

namespace detail {
class SkipLog;
}

/// Recordings, framed when they are fetched. Copies share the recordings. A `Dataset`.
///
/// A fetch takes memory only while its batch or, once per thread, the events of one recording have
/// to grow.
class EventDataset {
 public:
  using Batch = EventBatch;

  /// Errors: no recordings; options that make no sense for their sensor; a part that has no steps,
  /// or not of `max_steps`.
  EventDataset(std::shared_ptr<const Recordings> recordings, EventDatasetOptions options);

  std::int64_t size() const { return recordings_->size(); }
  const Recordings& recordings() const { return *recordings_; }
  /// What the events seem to come from after the transform.
  const Sensor& sensor() const { return sensor_; }
  /// Shape of one time step of one recording.
  const Shape& frame() const { return frame_; }

  /// Overwrites `events` with recording `sample`, transformed, reusing its memory. Errors as of
  /// `fetch`.
  void read(std::int64_t sample, const Draw& draw, Events& events) const;
  /// Reads and transforms `samples`, and frames the steps that are wanted into `batch`. Errors: an
  /// index out of range; those of `Recordings::read`, and events that are not in the order of time
  /// or outside the sensor, unless `skip_bad`; such events behind the transform.
  void fetch(std::span<const std::int64_t> samples, const Draw& draw, Batch& batch) const;

  /// What `skip_bad` has left out so far, by this data set and its copies; may be called at any
  /// time from any thread. A recording counts once, however often it was asked for.
  SkippedRecordings skipped() const;

 private:
  const Events* original(std::int64_t sample, Events& events) const;

  std::shared_ptr<const Recordings> recordings_;
  EventDatasetOptions options_;
  const ToFrame* counting_;            // the framing, if it is one that looks events up
  std::optional<EventLookup> lookup_;  // the transform, if it is one that can be looked up
  Sensor sensor_;
  Shape frame_;
  std::shared_ptr<detail::SkipLog> skip_log_;
};

}  // namespace ranvier
