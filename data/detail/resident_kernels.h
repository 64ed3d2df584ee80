// What data sets in the memory of a device need of it. `samples`, i64 [B], were checked on the CPU,
// but may hold anything on a CUDA device: those out of range get the label -1, which makes a loss
// NaN, and the length 1.
#pragma once

#include "ranvier/core/dispatch.h"
#include "ranvier/core/tensor.h"

namespace ranvier::detail {

/// Writes the labels and the lengths of `samples`, of those of all recordings, i64 [N] each, and
/// cuts lengths to `steps`.
using GatherRecordingsKernel = void(const Tensor& all_labels, const Tensor& all_lengths,
                                    const Tensor& samples, std::int64_t steps, Tensor& labels,
                                    Tensor& lengths);
extern DeviceKernels<GatherRecordingsKernel> gather_recordings_kernels;

}  // namespace ranvier::detail
