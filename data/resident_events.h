// All events of a data set in the memory of the device that trains, framed there batch by batch.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "ranvier/data/event_dataset.h"
#include "ranvier/data/transforms/to_frame.h"
#include "ranvier/ops/events/bin_events.h"

namespace ranvier {

/// Recordings as an `EventDataset` delivers them, number for number, read once and kept in a word
/// of 4 or 8 bytes for each event that a step counts: 4 if the bits of the most steps and of the
/// number of pixels and polarities are 32 at most. Of a part of the steps, only its events are
/// kept. A `Dataset`.
///
/// Unlike other data sets, `fetch` computes on all cores (or on the device): use a loader with
/// `workers` = 0, so that it runs in turn with the training step and not beside it.
class ResidentEvents {
 public:
  using Batch = EventBatch;

  /// Reads every recording twice, first to see how long they are. `options.transform` is applied
  /// then. Errors: those of `EventDataset`; a framing that is not a `ToFrame`; a random transform;
  /// a device that is not available.
  ResidentEvents(std::shared_ptr<const Recordings> recordings, const EventDatasetOptions& options,
                 Device device = cpu_device);

  std::int64_t size() const { return labels_.size(0); }
  /// Shape of one time step of one recording.
  const Shape& frame() const { return frame_; }
  /// Steps of the longest recording, or of the part that is kept.
  std::int64_t steps() const { return steps_; }
  /// Bytes that the events take.
  std::int64_t bytes() const { return events_.words.nbytes(); }
  /// What `skip_bad` has left out.
  const SkippedRecordings& skipped() const { return skipped_; }

  /// Frames `samples` into `batch`, all of which lies on the device; `draw` is not used. Errors: an
  /// index out of range; no kernel for the device.
  void fetch(std::span<const std::int64_t> samples, const Draw& draw, Batch& batch) const;
  /// As `fetch`, of the samples that `samples`, i64 [B] on the device, holds and in frames of
  /// `steps` steps, those of the part if one is kept; longer recordings are cut. On a CUDA device
  /// the host reads nothing, so that it may be recorded in a graph; an index out of range gives
  /// empty frames, the label -1 and the length 1 there.
  void gather(const Tensor& samples, std::int64_t steps, Batch& batch) const;

 private:
  std::string name_;
  Shape frame_;
  Device device_;
  PackedEvents events_;
  Tensor table_, labels_, lengths_;  // of all recordings, on the device
  Tensor host_lengths_;
  std::optional<Slice> part_;
  std::int64_t steps_ = 0;
  SkippedRecordings skipped_;
};

}  // namespace ranvier
