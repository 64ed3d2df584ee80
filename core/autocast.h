// In which precision linear layers and convolutions multiply.
#pragma once

#include "ranvier/core/dtype.h"

namespace ranvier {

/// True if this processor multiplies bfloat16 numbers (AVX-512 BF16).
bool bf16_supported();

/// While alive, linear layers and convolutions that this thread records compute in `compute`.
/// With bf16 they round f32 inputs, weights and gradients to bfloat16, sum in f32 and give f32
/// results and f32 gradients; spikes are exact. What is recorded under the guard is also
/// differentiated that way. f64 operands are not affected. Error: `compute` is neither f32 nor
/// bf16, or the processor lacks bf16.
class AutocastGuard {
 public:
  explicit AutocastGuard(DType compute);
  ~AutocastGuard();
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  DType previous_;
};

/// What f32 products compute in on this thread: f32 unless an `AutocastGuard` is alive.
DType autocast_dtype();

}  // namespace ranvier
