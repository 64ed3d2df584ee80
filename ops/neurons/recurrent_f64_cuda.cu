#include "ranvier/ops/neurons/detail/recurrent_table.h"

namespace ranvier::neurons {
namespace {

const CudaKernel forward_kernel(RecurrentKernels<double>::forward,
                                device::run_recurrent_forward<double>);
const CudaKernel backward_kernel(RecurrentKernels<double>::backward,
                                 device::run_recurrent_backward<double>);

}  // namespace
}  // namespace ranvier::neurons
