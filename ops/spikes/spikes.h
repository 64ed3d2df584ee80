// Packed spikes: one bit each, rows (last axis) padded to whole 64-bit words.
#pragma once

#include <cstdint>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// `x`, of any dtype, packed: a spike where an element is not zero. The gradient passes through
/// unchanged, which is exact for x of zeros and ones. Error: x has no axis.
Tensor to_bits(const Tensor& x);

/// The spikes as zeros and ones of `dtype`; the gradient passes through as f32. Errors: the tensor
/// is not packed; `dtype` is `bits`.
Tensor from_bits(const Tensor& spikes, DType dtype = DType::f32);

/// Number of spikes of a packed tensor; waits for a CUDA device. Error: the tensor is not packed.
std::int64_t count_spikes(const Tensor& spikes);

/// Spikes per element, in [0, 1]; 0 for a tensor without elements. Error as `count_spikes`.
double density(const Tensor& spikes);

}  // namespace ranvier
