// All events of a data set in the memory of the device that trains, framed there batch by batch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ranvier/data/event_dataset.h"
#include "ranvier/data/transforms/to_frame.h"
#include "ranvier/ops/events/bin_events.h"

namespace ranvier {

/// Recordings as an `EventDataset` delivers them, number for number, read once and kept in a word
/// of 4 or 8 bytes for each event: 4 if the bits of the longest time and of the number of pixels
/// and polarities are 32 at most, as for a second of 700 channels. A `Dataset`.
///
/// Unlike other data sets, `fetch` computes on all cores (or on the device): use a loader with
/// `workers` = 0, so that it runs in turn with the training step and not beside it.
class ResidentEvents {
 public:
  using Batch = EventBatch;

  /// Reads every recording twice, first to see how long they are. `options.transform` is applied
  /// then. Errors: those of `EventDataset`; a framing that is not a `ToFrame` with `time_window`; a
  /// random transform; recordings too long for 8 bytes; a device that is not available.
  ResidentEvents(std::shared_ptr<const Recordings> recordings, const EventDatasetOptions& options,
                 Device device = cpu_device);

  std::int64_t size() const { return static_cast<std::int64_t>(slices_.size()); }
  /// Shape of one time step of one recording.
  const Shape& frame() const { return frame_; }
  /// Bytes that the events take.
  std::int64_t bytes() const { return events_.words.nbytes(); }
  /// What `skip_bad` has left out.
  const SkippedRecordings& skipped() const { return skipped_; }

  /// Frames `samples` into `batch`, whose frames lie on the device, labels and lengths on the CPU;
  /// `draw` is not used. Errors: an index out of range; no kernel for the device.
  void fetch(std::span<const std::int64_t> samples, const Draw& draw, Batch& batch) const;

 private:
  std::string name_;
  Shape frame_;
  Device device_;
  PackedEvents events_;
  std::vector<EventSlice> slices_;
  std::vector<std::int64_t> labels_;
  SkippedRecordings skipped_;
};

}  // namespace ranvier
