#include "ranvier/ops/neurons/detail/recurrent_table.h"

namespace ranvier::neurons {
namespace {

const CudaKernel forward_kernel(RecurrentKernels<float>::forward,
                                device::run_recurrent_forward<float>);
const CudaKernel backward_kernel(RecurrentKernels<float>::backward,
                                 device::run_recurrent_backward<float>);

}  // namespace
}  // namespace ranvier::neurons
