// Batches that a CUDA device gathers by itself from samples that it keeps.
#pragma once

#include <memory>
#include <utility>

#include "apps/tasks/loaded_samples.h"
#include "ranvier/data/device_order.h"
#include "ranvier/data/resident_events.h"
#include "ranvier/data/resident_images.h"

namespace ranvier::apps {

inline TrainingBatch gathered(const ResidentImages& images, const DeviceOrder& order) {
  ImageBatch batch;
  images.gather(order.samples(), order.draw(), batch);
  return to_training_batch(batch);
}
inline TrainingBatch gathered(const ResidentEvents& events, const DeviceOrder& order) {
  EventBatch batch;
  events.gather(order.samples(), events.steps(), batch);
  return to_training_batch(batch);
}

/// Batches of resident samples `D`, in the order of a `DataLoader`.
template <class D>
class GatheredFeed final : public Feed {
 public:
  GatheredFeed(const D& dataset, const LoaderOptions& options, Device device)
      : dataset_(dataset), order_(dataset.size(), options, device) {
    const auto gather = [this] {
      order_.next();
      return gathered(dataset_, order_);
    };
    order_.start({});
    batch_ = gather();  // for its shapes
    batch_.gather = gather;
  }

  std::int64_t batches() const override { return order_.batches(); }
  std::unique_ptr<Pass> epoch(LoaderCursor cursor) override {
    order_.start(cursor);
    return std::make_unique<GatheredPass>(*this, cursor);
  }

 private:
  class GatheredPass final : public Pass {
   public:
    GatheredPass(const GatheredFeed& feed, LoaderCursor cursor) : feed_(feed), cursor_(cursor) {}

    const TrainingBatch* next() override {
      if (cursor_.batch == feed_.batches()) return nullptr;
      ++cursor_.batch;
      return &feed_.batch_;
    }
    LoaderCursor cursor() const override { return cursor_; }

   private:
    const GatheredFeed& feed_;
    LoaderCursor cursor_;
  };

  const D& dataset_;
  DeviceOrder order_;
  TrainingBatch batch_;
};

}  // namespace ranvier::apps
