// Samples and feeds over a `DataLoader`.
#pragma once

#include <utility>

#include "apps/tasks/samples.h"
#include "ranvier/data/event_dataset.h"
#include "ranvier/data/image_dataset.h"

namespace ranvier::apps {

inline TrainingBatch to_training_batch(const ImageBatch& batch) {
  return {.inputs = batch.images, .labels = batch.labels};
}
inline TrainingBatch to_training_batch(const EventBatch& batch) {
  return {.inputs = batch.frames, .labels = batch.labels, .lengths = batch.lengths};
}

/// Batches of a `DataLoader<D>`.
template <class D>
class LoaderFeed final : public Feed {
 public:
  LoaderFeed(const D& dataset, const LoaderOptions& options) : loader_(dataset, options) {}

  std::int64_t batches() const override { return loader_.batches(); }
  std::unique_ptr<Pass> epoch(LoaderCursor cursor) override {
    return std::make_unique<LoaderPass>(loader_, cursor);
  }

 private:
  class LoaderPass final : public Pass {
   public:
    LoaderPass(DataLoader<D>& loader, LoaderCursor cursor) : epoch_(loader.epoch(cursor)) {}

    const TrainingBatch* next() override {
      batch_ = {};  // the loader reuses only arrays that nobody holds
      const typename D::Batch* batch = epoch_.next();
      if (batch == nullptr) return nullptr;
      batch_ = to_training_batch(*batch);
      return &batch_;
    }
    LoaderCursor cursor() const override { return epoch_.cursor(); }

   private:
    typename DataLoader<D>::Epoch epoch_;
    TrainingBatch batch_;  // last: let go of before the epoch ends
  };

  DataLoader<D> loader_;
};

/// The part of `Samples` that a data set `D` does by itself.
template <class D>
class LoadedSamples : public Samples {
 public:
  /// `in_turn`: the data set computes on all cores or on a device, in turn with the training step,
  /// and so without workers.
  explicit LoadedSamples(D dataset, bool in_turn = false)
      : dataset_(std::move(dataset)), in_turn_(in_turn) {}

  std::int64_t size() const final { return dataset_.size(); }
  TrainingBatch fetch(std::span<const std::int64_t> samples) const final {
    typename D::Batch batch;
    dataset_.fetch(samples, {}, batch);
    return on_device(to_training_batch(batch), cpu_device);
  }
  std::unique_ptr<Feed> feed(const LoaderOptions& options) const final {
    LoaderOptions own = options;
    if (in_turn_) own.workers = 0;
    return std::make_unique<LoaderFeed<D>>(dataset_, own);
  }
  std::unique_ptr<Feed> gathered_feed(const LoaderOptions&) const override { return nullptr; }

 protected:
  const D dataset_;

 private:
  const bool in_turn_;
};

}  // namespace ranvier::apps
