// The loops over parameters and gradients, one copy per instruction set. None contracts products
// and sums, so all copies round alike.
#pragma once

#include <cstdint>

namespace ranvier::optim {

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

struct Kernels {
  void (*sgd)(const SgdFactors& factors, const float* grad, float* w, std::int64_t count);
  void (*sgd_momentum)(const SgdFactors& factors, const float* grad, float* w, float* m,
                       std::int64_t count);
  void (*sgd_nesterov)(const SgdFactors& factors, const float* grad, float* w, float* m,
                       std::int64_t count);
  void (*adam)(const AdamFactors& factors, const float* grad, float* w, float* m, float* v,
               std::int64_t count);
  double (*sum_of_squares)(const float* x, std::int64_t count);
  void (*scale)(float factor, float* x, std::int64_t count);
  void (*clamp)(float limit, float* x, std::int64_t count);
};

namespace isa_v2 {
extern const Kernels kernels;
}
namespace isa_v3 {
extern const Kernels kernels;
}
namespace isa_v4 {
extern const Kernels kernels;
}

/// The copy for this processor.
const Kernels& kernels();

/// Elements that are worth another thread.
inline constexpr std::int64_t grain = 1 << 15;

}  // namespace ranvier::optim
