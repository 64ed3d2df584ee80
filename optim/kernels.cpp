#include "ranvier/optim/detail/kernels.h"
#include "ranvier/core/dispatch.h"

namespace ranvier::optim {

const Kernels& kernels() { return pick_isa(isa_v2::kernels, isa_v3::kernels, isa_v4::kernels); }

}  // namespace ranvier::optim
