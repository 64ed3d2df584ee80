#include "ranvier/data/resident_images.h"

#include <algorithm>
#include <limits>

#include "ranvier/core/activity.h"
#include "ranvier/core/parallel.h"
#include "ranvier/data/detail/resident_kernels.h"

namespace ranvier {
namespace {

/// [2, W, C]
Tensor scaling_of(const Augment& augment, const Shape& image) {
  Tensor scaling = empty({2, image[1], image[2]});
  auto* out = scaling.mutable_data<float>();
  out = std::copy(augment.scale().begin(), augment.scale().end(), out);
  std::copy(augment.offset().begin(), augment.offset().end(), out);
  return scaling;
}

void gather_images_cpu(const detail::ResidentImageSet& set, const Tensor& samples, const Draw& draw,
                       const Tensor& device_draw, ImageBatch& batch) {
  Draw drawn = draw;
  if (device_draw.defined()) {
    const auto* numbers = device_draw.data<std::int64_t>();
    drawn = {.seed = static_cast<std::uint64_t>(numbers[0]), .epoch = numbers[1]};
  }
  const std::int64_t size = set.images.size(0), image_size = set.images.numel() / size;
  const auto* sample = samples.data<std::int64_t>();
  const auto* images = set.images.data<std::uint8_t>();
  const auto* labels = set.labels.data<std::int64_t>();
  auto* out_images = batch.images.mutable_data<float>();
  auto* out_labels = batch.labels.mutable_data<std::int64_t>();
  const std::int64_t grain = 1 + (1 << 14) / image_size;
  parallel_for(0, samples.numel(), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      const std::int64_t i = sample[b];
      RV_CHECK(i >= 0 && i < size, "[resident_images] sample {} is out of range; there are {}.", i,
               size);
      set.augment(images + i * image_size, i, drawn, out_images + b * image_size);
      out_labels[b] = labels[i];
    }
  });
}

}  // namespace

namespace detail {
constinit DeviceKernels<GatherImagesKernel> gather_images_kernels{.cpu = gather_images_cpu};
}

ResidentImages::ResidentImages(const ImageDataset& images, Device device) : name_(images.name()) {
  require_available(device);
  RV_CHECK(images.image_shape().numel() <= std::numeric_limits<std::int32_t>::max(),
           "[resident_images] {}: an image must have less than 2^31 bytes; got the shape {}.",
           name_, images.image_shape());
  const OperationScope operation("resident_images");
  set_ = std::make_shared<const detail::ResidentImageSet>(detail::ResidentImageSet{
      .images = images.images().to(device),
      .labels = images.labels().to(device),
      .scaling = scaling_of(images.augment(), images.image_shape()).to(device),
      .augment = images.augment()});
}

std::int64_t ResidentImages::size() const { return set_->images.size(0); }
std::int64_t ResidentImages::bytes() const { return set_->images.nbytes(); }

void ResidentImages::fetch(std::span<const std::int64_t> samples, const Draw& draw,
                           Batch& batch) const {
  for (const std::int64_t sample : samples)
    RV_CHECK(sample >= 0 && sample < size(), "[{}] sample {} is out of range; there are {}.", name_,
             sample, size());
  const auto count = static_cast<std::int64_t>(samples.size());
  make(from_span(samples, {count}).to(set_->images.device()), draw, {}, batch);
}

void ResidentImages::gather(const Tensor& samples, const Tensor& draw, Batch& batch) const {
  RV_CHECK(samples.dtype() == DType::i64 && samples.rank() == 1,
           "[{}] samples must be i64 [B]; got {} {}.", name_, samples.dtype(), samples.shape());
  RV_CHECK(draw.dtype() == DType::i64 && draw.shape() == Shape{2},
           "[{}] a draw must be i64 (2,), seed and epoch; got {} {}.", name_, draw.dtype(),
           draw.shape());
  make(samples, {}, draw, batch);
}

void ResidentImages::make(const Tensor& samples, const Draw& draw, const Tensor& device_draw,
                          Batch& batch) const {
  const OperationScope operation("resident_images");
  const Device device = set_->images.device();
  const std::int64_t count = samples.size(0);
  reuse_or_allocate(batch.images, set_->images.shape().with(0, count), DType::f32, device);
  reuse_or_allocate(batch.labels, {count}, DType::i64, device);
  kernel_for("resident_images", device, detail::gather_images_kernels)(*set_, samples, draw,
                                                                       device_draw, batch);
}

}  // namespace ranvier
