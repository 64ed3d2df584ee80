// All images of a data set in the memory of the device that trains, made into batches there.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "ranvier/data/image_dataset.h"

namespace ranvier {

namespace detail {
struct ResidentImageSet;
}

/// Labelled images as an `ImageDataset` delivers them, bit for bit, varied and normalised in one
/// pass on the device. Copies share the arrays. A `Dataset`.
///
/// Unlike other data sets, `fetch` computes on all cores (or on the device): use a loader with
/// `workers` = 0, so that it runs in turn with the training step and not beside it.
class ResidentImages {
 public:
  using Batch = ImageBatch;

  /// Errors: a device that is not available; images of 2^31 bytes or more.
  explicit ResidentImages(const ImageDataset& images, Device device = cpu_device);

  std::int64_t size() const;
  /// Bytes that the images take.
  std::int64_t bytes() const;

  /// Gathers `samples` into `batch`, all of which lies on the device, variations drawn from `draw`.
  /// Error: an index out of range.
  void fetch(std::span<const std::int64_t> samples, const Draw& draw, Batch& batch) const;
  /// As `fetch`, of the samples that `samples`, i64 [B] on the device, holds, with `draw`, i64 [2]
  /// there: seed and epoch. On a CUDA device the host reads neither, so that it may be recorded in
  /// a graph; an index out of range gives an image of zero bytes and the label -1 there.
  void gather(const Tensor& samples, const Tensor& draw, Batch& batch) const;

 private:
  void make(const Tensor& samples, const Draw& draw, const Tensor& device_draw, Batch& batch) const;

  std::string name_;
  std::shared_ptr<const detail::ResidentImageSet> set_;
};

}  // namespace ranvier
