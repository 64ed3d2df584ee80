// Moves of elements, a function for each kind of device. Each is shared by several operations, so
// it takes the name of the one that asks, `op`, for what may go wrong on a device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ranvier/core/dispatch.h"
#include "ranvier/core/tensor.h"

namespace ranvier::detail {

/// `rows` runs of `bytes` bytes at regular distances.
struct RowCopy {
  std::int64_t rows;
  std::int64_t bytes;
  std::int64_t to_stride;    ///< bytes
  std::int64_t from_stride;  ///< bytes
};
using RowCopyKernel = void(const char* op, Device device, const RowCopy& copy, std::byte* to,
                           const std::byte* from);
extern DeviceKernels<RowCopyKernel> row_copy_kernels;

/// A contiguous result whose axis i steps through the source by `stride` elements (0: repeats).
struct StridedAxis {
  std::int64_t extent;
  std::int64_t stride;
};
/// Fills the contiguous array `to`. `element` is 1, 2, 4 or 8 bytes.
using StridedCopyKernel = void(const char* op, Device device, const std::vector<StridedAxis>& axes,
                               std::int64_t element, std::byte* to, const std::byte* from);
extern DeviceKernels<StridedCopyKernel> strided_copy_kernels;

/// The same sequence of spikes in packed rows of another length.
using RepackKernel = void(const Tensor& x, Tensor& y);
extern DeviceKernels<RepackKernel> repack_kernels;

/// Copies row `indices[i]` of x to row i of y. On the CPU all indices are in range; a CUDA device
/// gives NaN (zeros of what is not floating) for those that are not.
using GatherKernel = void(const Tensor& x, const Tensor& indices, Tensor& y);
extern DeviceKernels<GatherKernel> gather_kernels;

/// Adds row i of gy to row `indices[i]` of gx, which holds zeros, in the order of `indices`.
using ScatterAddKernel = void(const Tensor& gy, const Tensor& indices, Tensor& gx);
extern DeviceKernels<ScatterAddKernel> scatter_add_kernels;

}  // namespace ranvier::detail
