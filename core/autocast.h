// In which precision linear layers and convolutions multiply.
#pragma once

#include "ranvier/core/device.h"
#include "ranvier/core/dtype.h"
#include "ranvier/core/tensor.h"

namespace ranvier {

/// True if this processor multiplies bfloat16 numbers (AVX-512 BF16).
bool bf16_supported();

/// While alive, linear layers, convolutions and matrix products that this thread records on devices
/// of the type of `device` compute in `compute`. With bf16, and on CUDA devices f16, they round f32
/// inputs, weights and gradients to 16 bit and sum in f32; spikes are exact. On the CPU results and
/// gradients are f32. On CUDA devices results are `compute`, and so are their gradients, while the
/// gradient of an input has its dtype; parameters and their gradients stay f32 (those of weights of
/// convolutions are rounded to 16 bit on the way; biases of linear layers are rounded as weights
/// are; convolutions of at most 4 input channels may round less). What follows keeps 16 bit where
/// it has kernels for it and widens to f32 where not. What is recorded under the guard is also
/// differentiated that way. f64 operands are not affected. Error: `compute` is none of these, or
/// the processor lacks bf16.
class AutocastGuard {
 public:
  explicit AutocastGuard(DType compute, Device device = cpu_device);
  ~AutocastGuard();
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  DeviceType type_;
  DType previous_;
};

/// What f32 products on `device` compute in on this thread: f32 unless an `AutocastGuard` for it
/// is alive.
DType autocast_dtype(Device device = cpu_device);

/// `x` with 16-bit floats as f32, differentiably; any other tensor is returned as it is. Operations
/// that have no kernels for 16-bit activations begin with it, so that their results are f32.
Tensor widened(const Tensor& x);
/// True for 16-bit floats on the CPU, where nothing computes with them: operations that keep the
/// dtype of x on CUDA devices widen it there, and round their result.
bool only_stored(const Tensor& x);

/// Whether f32 products on CUDA devices may round their operands to TF32, 10 bits of fraction: off
/// at first, as membranes near their threshold tell the difference. For all threads, from the next
/// product on.
void set_tf32(bool allowed);
bool tf32();

}  // namespace ranvier
