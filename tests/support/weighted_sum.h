// A loss that reaches several outputs at once: sum over tensors and elements of weight * value.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "ranvier/core/tape.h"
#include "ranvier/core/tensor.h"

namespace ranvier::test {

/// A tensor of the tape and its weights, of the same shape (f32 for packed spikes).
struct Weighted {
  Tensor value, weight;
};

namespace detail {
struct WeightedSumBackward final : Node {
  std::vector<Tensor> weights;
  const char* name() const override { return "WeightedSumBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor>) override { return weights; }
};
}  // namespace detail

/// The loss, a leaf for `backward()`; its gradient is taken to be 1.
inline Tensor weighted_sum(const std::vector<Weighted>& terms) {
  double sum = 0;
  std::vector<Tensor> values;
  auto node = std::make_shared<detail::WeightedSumBackward>();
  for (const auto& [value, weight] : terms) {
    const std::vector<double> v = to_vector(value), w = to_vector(weight);
    for (std::size_t i = 0; i < v.size(); ++i) sum += v[i] * w[i];
    values.push_back(value);
    node->weights.push_back(weight);
  }
  const Tensor loss = scalar(sum, {.dtype = DType::f64});
  attach(std::move(node), values, std::vector{loss});
  return loss;
}

}  // namespace ranvier::test
