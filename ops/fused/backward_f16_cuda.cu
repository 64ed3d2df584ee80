#include "ranvier/ops/fused/detail/backward_table.h"

namespace ranvier::fused::device {

template void launch_backward(Device, const BackwardArgs<float16>&, bool);

}  // namespace ranvier::fused::device
