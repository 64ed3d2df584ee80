// The copies of the event-driven product, one for each instruction set.
#pragma once

#include "ranvier/ops/matmul/detail/event_product.h"

namespace ranvier::detail {

namespace isa_v2 {
extern const EventProductKernels event_product_kernels;
}
namespace isa_v3 {
extern const EventProductKernels event_product_kernels;
}
namespace isa_v4 {
extern const EventProductKernels event_product_kernels;
}

}  // namespace ranvier::detail
