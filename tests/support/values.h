// Random tensors for tests, and how tensors are compared.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "ranvier/core/random.h"
#include "ranvier/core/tensor.h"

namespace ranvier::test {

/// Normal numbers.
inline Tensor random_values(const Shape& shape, std::uint64_t seed, DType dtype = DType::f32) {
  Generator generator{.seed = seed};
  return normal(shape, 0, 1, generator).to(dtype);
}

/// Normal numbers as both bf16 and f16 hold them, in f32.
inline Tensor narrow_values(const Shape& shape, std::uint64_t seed) {
  return random_values(shape, seed).to(DType::bf16).to(DType::f16).to(DType::f32);
}

/// Multiples of 1/16 in [-2, 2]: sums of a few thousand products of these are exact in f32, so
/// that any order of summation gives the same bits.
inline Tensor dyadic_values(const Shape& shape, std::uint64_t seed) {
  Generator generator{.seed = seed};
  Tensor result = uniform(shape, -32, 32, generator);
  for (std::int64_t i = 0; i < result.numel(); ++i)
    result.mutable_data<float>()[i] = std::round(result.data<float>()[i]) / 16;
  return result;
}

/// Ones with probability `density`, else zeros, in f32.
inline Tensor random_spikes(const Shape& shape, double density, std::uint64_t seed) {
  Generator generator{.seed = seed};
  Tensor result = uniform(shape, 0, 1, generator);
  for (std::int64_t i = 0; i < result.numel(); ++i)
    result.mutable_data<float>()[i] = result.data<float>()[i] < density ? 1.0f : 0.0f;
  return result;
}

/// True if shape, dtype and every byte agree.
inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.raw_data(), b.raw_data(), static_cast<std::size_t>(a.nbytes())) == 0;
}

/// The largest |a - b| / (1 + |b|); infinity if the shapes differ or a value is not finite.
inline double largest_difference(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) return INFINITY;
  const std::vector<double> left = to_vector(a), right = to_vector(b);
  double worst = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    const double difference = std::abs(left[i] - right[i]) / (1 + std::abs(right[i]));
    worst = std::isfinite(difference) ? std::max(worst, difference) : INFINITY;
  }
  return worst;
}

}  // namespace ranvier::test
