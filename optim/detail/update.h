// How parameters move: the formulas, which CPU and CUDA kernels share, and the kernels' door.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>

#include "ranvier/core/dispatch.h"
#include "ranvier/core/platform.h"
#include "ranvier/core/tensor.h"

namespace ranvier::optim {

enum class Rule : std::uint8_t { sgd, sgd_momentum, sgd_nesterov, adam };

struct SgdFactors {
  float lr, momentum, weight_decay;
};

struct AdamFactors {
  float beta1, new1;       ///< m = beta1 m + new1 g
  float beta2, new2;       ///< v = beta2 v + new2 g^2
  float weight_decay;      ///< g += weight_decay w
  float shrink;            ///< w *= shrink
  float rate, scale, eps;  ///< w -= rate m / (scale sqrt(v) + eps)
};

/// Numbers in the factors of a rule.
inline std::int64_t factor_count(Rule rule) {
  return static_cast<std::int64_t>((rule == Rule::adam ? sizeof(AdamFactors) : sizeof(SgdFactors)) /
                                   sizeof(float));
}

RV_HD void move_sgd(const SgdFactors& f, float grad, float& w) {
  w -= f.lr * (grad + f.weight_decay * w);
}

template <bool nesterov>
RV_HD void move_sgd_momentum(const SgdFactors& f, float grad, float& w, float& m) {
  const float g = grad + f.weight_decay * w;
  const float velocity = f.momentum * m + g;
  m = velocity;
  w -= f.lr * (nesterov ? g + f.momentum * velocity : velocity);
}

RV_HD void move_adam(const AdamFactors& f, float grad, float& w, float& m, float& v) {
  const float g = grad + f.weight_decay * w;
  const float mean = f.beta1 * m + f.new1 * g;
  const float square = f.beta2 * v + f.new2 * (g * g);
  m = mean;
  v = square;
  w = f.shrink * w - f.rate * (mean / (f.scale * std::sqrt(square) + f.eps));
}

inline constexpr std::size_t max_slots = 2;

/// One parameter's array and what belongs to it.
struct Update {
  float* parameter;
  const float* grad;
  float* slots[max_slots];  ///< null where the rule has none
  std::int64_t count;
  std::int32_t row;     ///< of its factors
  DType rounded_dtype;  ///< of `rounded`
  std::byte* rounded;   ///< its 16-bit copy, to be written too; null: none, as on the CPU
};

/// Moves parameters by `rule`. `factors` is [rows, factor_count(rule)], on their device; so is
/// `scale`, the numbers of the loss scale that gradients bear, undefined if they bear none.
using UpdateKernel = void(const char* op, Rule rule, std::span<const Update> updates,
                          const Tensor& factors, const Tensor& scale);
extern DeviceKernels<UpdateKernel> update_kernels;

}  // namespace ranvier::optim
