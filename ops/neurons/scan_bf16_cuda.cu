#include "ranvier/ops/neurons/detail/scan_device.h"

namespace ranvier::neurons {
namespace {

const CudaKernel forward_kernel(ScanKernels<float, bfloat16>::forward,
                                device::run_forward<float, bfloat16>);
const CudaKernel backward_kernel(ScanKernels<float, bfloat16>::backward,
                                 device::run_backward<float, bfloat16>);

}  // namespace
}  // namespace ranvier::neurons
