// What data sets in the memory of a device need of it. `samples`, i64 [B], were checked on the CPU,
// but may hold anything on a CUDA device: those out of range get the label -1, which makes a loss
// NaN, and the length 1.
#pragma once

#include "ranvier/core/dispatch.h"
#include "ranvier/core/tensor.h"
#include "ranvier/data/augment.h"
#include "ranvier/data/image_dataset.h"

namespace ranvier::detail {

/// Writes the labels and the lengths of `samples`, of those of all recordings, i64 [N] each, and
/// cuts lengths to `steps`.
using GatherRecordingsKernel = void(const Tensor& all_labels, const Tensor& all_lengths,
                                    const Tensor& samples, std::int64_t steps, Tensor& labels,
                                    Tensor& lengths);
extern DeviceKernels<GatherRecordingsKernel> gather_recordings_kernels;

/// Images and their labels in the memory of a device.
struct ResidentImageSet {
  Tensor images;   ///< u8 [N, H, W, C]
  Tensor labels;   ///< i64 [N]
  Tensor scaling;  ///< f32 [2, W, C]: scale and offset of `augment`
  Augment augment;
};

/// Makes `batch`, whose arrays have their shapes, of `samples`. The variations are those of
/// `device_draw`, i64 [2] on the device: seed and epoch, or of `draw` if it is undefined.
using GatherImagesKernel = void(const ResidentImageSet& set, const Tensor& samples,
                                const Draw& draw, const Tensor& device_draw, ImageBatch& batch);
extern DeviceKernels<GatherImagesKernel> gather_images_kernels;

/// Writes the next of `order`, i64 [N], from place `place` on, to `samples`, -1 where it ends, and
/// moves `place`, an i64 scalar, past them.
using NextSamplesKernel = void(const Tensor& order, Tensor& place, Tensor& samples);
extern DeviceKernels<NextSamplesKernel> next_samples_kernels;

}  // namespace ranvier::detail
