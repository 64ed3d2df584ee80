// The order of an epoch on a device, from which recorded work takes its samples batch by batch.
//
//   DeviceOrder order(images.size(), {.batch_size = 128, .shuffle = true, .drop_last = true},
//   cuda); CudaGraph step(cuda, [&] {
//     order.next();
//     images.gather(order.samples(), order.draw(), batch);
//     ... train on `batch` ...
//   });
//   for (std::int64_t epoch = 0; epoch < 64; ++epoch) {
//     order.start({.epoch = epoch});
//     for (std::int64_t i = 0; i < order.batches(); ++i) step.launch();
//   }
#pragma once

#include <cstdint>
#include <vector>

#include "ranvier/core/partition.h"
#include "ranvier/data/loader.h"

namespace ranvier {

/// Names the samples of the batches, or parts of them, that a `DataLoader` with the same options
/// would deliver.
class DeviceOrder {
 public:
  /// Errors: options that a `DataLoader` refuses; a last batch that is smaller than the others and
  /// not dropped; a device that is not available.
  DeviceOrder(std::int64_t samples, const LoaderOptions& options, Device device = cpu_device);

  /// Batches of an epoch.
  std::int64_t batches() const { return batches_; }
  /// Begins an epoch at `cursor`: the only time that its order travels to the device. Error: a
  /// cursor out of range.
  void start(LoaderCursor cursor);
  /// Writes the next batch to `samples`; may be recorded. After the last batch of an epoch, and
  /// before the first `start`, all samples are -1, which no data set has.
  void next();

  /// The samples of this part of the batch, i64 on the device, always the same array.
  const Tensor& samples() const { return samples_; }
  /// Seed and epoch, i64 [2] on the device, always the same array.
  const Tensor& draw() const { return draw_; }

 private:
  LoaderOptions options_;
  std::int64_t batches_;
  Slice part_;                          // of each batch
  std::vector<std::int64_t> shuffled_;  // the order of all samples
  Tensor order_;                        // what the parts of whole batches take of it
  Tensor place_;                        // of the next batch in the order
  Tensor samples_, draw_;
};

}  // namespace ranvier
