// Pooling kernels of the CPU. Arrays are those of the plan: images of pixels of channels.
#pragma once

#include "ranvier/ops/pool/detail/windows.h"

namespace ranvier::detail {

template <class T>
void max_pool_cpu(const PoolPlan& plan, const T* x, T* y);
/// Adds to `gx`, which starts at zero, the gradient `gy` at each window's first largest value.
template <class T>
void max_pool_backward_cpu(const PoolPlan& plan, const T* x, const T* gy, T* gx);

template <class T>
void avg_pool_cpu(const PoolPlan& plan, const T* x, T* y);
template <class T>
void avg_pool_backward_cpu(const PoolPlan& plan, const T* gy, T* gx);

/// Spikes of a window are united; the gradient (f32) goes to its first spike, or first pixel.
void max_pool_bits_cpu(const PoolPlan& plan, const std::uint64_t* x, std::uint64_t* y);
void max_pool_bits_backward_cpu(const PoolPlan& plan, const std::uint64_t* x, const float* gy,
                                float* gx);

}  // namespace ranvier::detail
