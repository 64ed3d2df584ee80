// A block makes a part of an image: 1 byte is read and 4 are written a number.
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/data/detail/image_variation.h"
#include "ranvier/data/detail/resident_kernels.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::image_variation;
using ranvier::detail::ImageVariation;
using ranvier::detail::ResidentImageSet;

constexpr const char* op = "resident_images";
constexpr unsigned numbers_of_block = 8 * block_threads;

struct Gather {
  const std::uint8_t* images;
  const std::int64_t* labels;
  const float *scale, *offset;  // of a row
  const std::int64_t* sample;
  const std::int64_t* device_draw;  // null: `draw`
  Draw draw;
  int shift;
  bool flip;
  std::int64_t size;  // images
  unsigned height, width, channels, parts;
  float* out_images;
  std::int64_t* out_labels;
};

__device__ ImageVariation variation_of(const Gather& of, std::int64_t sample) {
  const bool there = of.device_draw != nullptr;
  const std::uint64_t seed = there ? static_cast<std::uint64_t>(of.device_draw[0]) : of.draw.seed;
  const std::int64_t epoch = there ? of.device_draw[1] : of.draw.epoch;
  return image_variation(of.shift, of.flip, seed, epoch, sample);
}

__global__ void __launch_bounds__(block_threads) gather(const Gather of) {
  const unsigned b = blockIdx.x / of.parts, part = blockIdx.x % of.parts;
  const std::int64_t sample = of.sample[b];
  const bool known = sample >= 0 && sample < of.size;
  if (part == 0 && threadIdx.x == 0) of.out_labels[b] = known ? of.labels[sample] : -1;
  const ImageVariation variation = variation_of(of, sample);
  const unsigned row = of.width * of.channels, count = of.height * row;
  const std::uint8_t* const image = of.images + (known ? sample : 0) * count;
  float* const out = of.out_images + static_cast<std::int64_t>(b) * count;
  const unsigned first = part * numbers_of_block;
  const unsigned end = first + numbers_of_block < count ? first + numbers_of_block : count;
  for (unsigned i = first + threadIdx.x; i < end; i += block_threads) {
    const unsigned y = i / row, in_row = i % row;
    const std::int64_t from_y = source_row(variation, y);
    const std::int64_t from_x = source_column(variation, of.width, in_row / of.channels);
    const bool inside =
        known && from_y >= 0 && from_y < of.height && from_x >= 0 && from_x < of.width;
    const std::int64_t from = from_y * row + from_x * of.channels + in_row % of.channels;
    const float value = inside ? static_cast<float>(image[from]) : 0.0f;
    out[i] = value * of.scale[in_row] + of.offset[in_row];
  }
}

void gather_images(const ResidentImageSet& set, const Tensor& samples, const Draw& draw,
                   const Tensor& device_draw, ImageBatch& batch) {
  const Shape& shape = set.images.shape();
  const std::int64_t row = shape[2] * shape[3], count = shape[1] * row;
  const auto extent = [&](int axis) { return static_cast<unsigned>(shape[axis]); };
  const float* const scale = elements<float>(op, set.scaling);
  const Gather of{.images = elements<std::uint8_t>(op, set.images),
                  .labels = elements<std::int64_t>(op, set.labels),
                  .scale = scale,
                  .offset = scale + row,
                  .sample = elements<std::int64_t>(op, samples),
                  .device_draw = elements_or_null<std::int64_t>(op, device_draw),
                  .draw = draw,
                  .shift = set.augment.options().shift,
                  .flip = set.augment.options().flip,
                  .size = shape[0],
                  .height = extent(1),
                  .width = extent(2),
                  .channels = extent(3),
                  .parts = static_cast<unsigned>((count + numbers_of_block - 1) / numbers_of_block),
                  .out_images = mutable_elements<float>(op, batch.images),
                  .out_labels = mutable_elements<std::int64_t>(op, batch.labels)};
  if (samples.numel() == 0) return;
  launch(op, batch.images.device(),
         {static_cast<unsigned>(samples.numel()) * of.parts, block_threads}, gather, of);
}

const CudaKernel kernel(ranvier::detail::gather_images_kernels, gather_images);

}  // namespace
}  // namespace ranvier::cuda
