#include "ranvier/ops/neurons/detail/scan_device.h"

namespace ranvier::neurons {
namespace {

const CudaKernel forward_kernel(ScanKernels<float>::forward, device::run_forward<float, float>);
const CudaKernel backward_kernel(ScanKernels<float>::backward, device::run_backward<float, float>);

}  // namespace
}  // namespace ranvier::neurons
