// What a trainer learns from, images or recordings, without their types.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ranvier/core/tensor.h"
#include "ranvier/data/event_dataset.h"
#include "ranvier/data/loader.h"

namespace ranvier::apps {

/// Some samples, as a network reads them.
struct TrainingBatch {
  Tensor inputs{};   ///< f32: images [B, H, W, C], or frames [T, B, frame...]
  Tensor labels{};   ///< i64 [B]
  Tensor lengths{};  ///< i64 [B]: steps of each recording; undefined for images
  /// Makes the batch on the device that keeps the samples, and may be recorded in a graph; until
  /// then the tensors only tell its shapes. Null: they hold it.
  std::function<TrainingBatch()> gather{};

  std::int64_t size() const { return labels.defined() ? labels.size(0) : 0; }
};

/// `batch` on `device`, gathered if it is still to be.
TrainingBatch on_device(const TrainingBatch& batch, Device device);

/// Batches of some samples, epoch by epoch; `DataLoader` without its type.
class Feed {
 public:
  /// One epoch from a cursor on; see `DataLoader::Epoch`.
  class Pass {
   public:
    virtual ~Pass() = default;
    /// The next batch, valid until the call after this one, or null at the end of the epoch.
    virtual const TrainingBatch* next() = 0;
    /// The place after the batch that `next` returned last.
    virtual LoaderCursor cursor() const = 0;
  };

  virtual ~Feed() = default;
  /// Batches of an epoch.
  virtual std::int64_t batches() const = 0;
  /// Begins an epoch. Errors: a cursor out of range; another pass is alive.
  virtual std::unique_ptr<Pass> epoch(LoaderCursor cursor) = 0;
};

/// Labelled samples of a data set.
class Samples {
 public:
  virtual ~Samples() = default;
  /// "fashion-mnist"
  virtual const std::string& name() const = 0;
  virtual std::int64_t size() const = 0;
  /// One name per class; labels are indices into it.
  virtual const std::vector<std::string>& classes() const = 0;
  virtual std::int64_t label(std::int64_t sample) const = 0;
  /// All of a sample as it is stored, of which a batch may have some steps only: an image's bytes,
  /// or events, i64 [N, 4] (time, column, row, polarity). Error: a damaged recording.
  virtual Tensor whole(std::int64_t sample) const = 0;
  /// The batch of `samples` on the CPU, with the variations of epoch 0 if they are varied.
  virtual TrainingBatch fetch(std::span<const std::int64_t> samples) const = 0;
  /// Batches of all samples, which must outlive it, on the device that keeps the samples if one
  /// does, and else on the CPU. Errors: `DataLoader`'s.
  virtual std::unique_ptr<Feed> feed(const LoaderOptions& options) const = 0;
  /// As `feed`, of batches that are `gather`ed, one after another; null where they cannot be. Those
  /// of recordings are all as long as the longest.
  virtual std::unique_ptr<Feed> gathered_feed(const LoaderOptions& options) const = 0;
  /// What could not be read so far and was left out.
  virtual SkippedRecordings skipped() const { return {}; }
};

/// The first `count` samples, or all if there are fewer, as `fetch` gives them.
TrainingBatch first_samples(const Samples& samples, std::int64_t count);

}  // namespace ranvier::apps
