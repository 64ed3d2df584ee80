// The copies of the operand kernels, one for each instruction set.
#pragma once

#include "ranvier/ops/matmul/detail/operand.h"

namespace ranvier::detail {

namespace isa_v2 {
extern const OperandKernels operand_kernels;
}
namespace isa_v3 {
extern const OperandKernels operand_kernels;
}
namespace isa_v4 {
extern const OperandKernels operand_kernels;
}

}  // namespace ranvier::detail
