// The loops over parameters and gradients, one copy per instruction set. None contracts products
// and sums, so all copies round alike.
#pragma once

#include <cstdint>

#include "ranvier/optim/detail/update.h"

namespace ranvier::optim {

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
