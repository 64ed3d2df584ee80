#include "ranvier/ops/neurons/detail/scan_device.h"

namespace ranvier::neurons {
namespace {

const CudaKernel forward_kernel(ScanKernels<float, float16>::forward,
                                device::run_forward<float, float16>);
const CudaKernel backward_kernel(ScanKernels<float, float16>::backward,
                                 device::run_backward<float, float16>);

}  // namespace
}  // namespace ranvier::neurons
