#include "ranvier/ops/neurons/detail/isa_kernels.h"

namespace ranvier::neurons {

template <>
const IsaKernels<float>& isa_kernels(IsaLevel level) {
  if (level == IsaLevel::v4) return isa_v4::kernels_f32;
  return level == IsaLevel::v3 ? isa_v3::kernels_f32 : isa_v2::kernels_f32;
}

template <>
const IsaKernels<double>& isa_kernels(IsaLevel level) {
  if (level == IsaLevel::v4) return isa_v4::kernels_f64;
  return level == IsaLevel::v3 ? isa_v3::kernels_f64 : isa_v2::kernels_f64;
}

template <class R>
RowKernels<R> library_kernels(int model, int surrogate) {
  return isa_kernels<R>().rows.at[model][surrogate];
}
template RowKernels<float> library_kernels(int model, int surrogate);
template RowKernels<double> library_kernels(int model, int surrogate);

}  // namespace ranvier::neurons
