// In which precision linear layers and convolutions multiply.
#pragma once

#include "ranvier/core/device.h"
#include "ranvier/core/dtype.h"
#include "ranvier/core/tensor.h"

namespace ranvier {

/// True if this processor multiplies bfloat16 numbers (AVX-512 BF16).
bool bf16_supported();

/// While alive, linear layers and convolutions that this thread records on devices of the type of
/// `device` compute in `compute`. With bf16, and on CUDA devices f16, they round f32 inputs,
/// weights and gradients to 16 bit, sum in f32 and give f32 results and f32 gradients; spikes are
/// exact. (On CUDA devices, results of convolutions with kernels larger than 1 x 1 are rounded to
/// 16 bit as well; but convolutions of at most 4 input channels round their input only.) What is
/// recorded under the guard is also differentiated that way. f64 operands are not affected. Error:
/// `compute` is none of these, or the processor lacks bf16.
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

/// Whether f32 products on CUDA devices may round their operands to TF32, 10 bits of fraction: off
/// at first, as membranes near their threshold tell the difference. For all threads, from the next
/// product on.
void set_tf32(bool allowed);
bool tf32();

}  // namespace ranvier
