// The loops of batch normalisation over rows of channels, one copy per instruction set.
#pragma once

#include <cstdint>

namespace ranvier::norm {

/// All arrays are row-major [rows, columns]; sums and coefficients are [columns].
template <class R>
struct Kernels {
  /// sum += x - origin, square += (x - origin)^2, over all rows.
  void (*moments)(const R* x, std::int64_t rows, std::int64_t columns, const R* origin, double* sum,
                  double* square);
  /// y = fma(x, scale, shift)
  void (*affine)(const R* x, std::int64_t rows, std::int64_t columns, const R* scale,
                 const R* shift, R* y);
  /// sum_grad += g, sum_grad_x += g (x - centre), over all rows.
  void (*gradient_sums)(const R* g, const R* x, std::int64_t rows, std::int64_t columns,
                        const R* centre, double* sum_grad, double* sum_grad_x);
  /// gx = scale g + slope (x - centre) + offset
  void (*gradient)(const R* g, const R* x, std::int64_t rows, std::int64_t columns, const R* scale,
                   const R* slope, const R* centre, const R* offset, R* gx);
};

namespace isa_v2 {
template <class R>
const Kernels<R>& kernels();
}
namespace isa_v3 {
template <class R>
const Kernels<R>& kernels();
}
namespace isa_v4 {
template <class R>
const Kernels<R>& kernels();
}

}  // namespace ranvier::norm
