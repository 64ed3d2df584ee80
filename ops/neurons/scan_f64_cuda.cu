#include "ranvier/ops/neurons/detail/scan_device.h"

namespace ranvier::neurons {
namespace {

const CudaKernel forward_kernel(ScanKernels<double>::forward, device::run_forward<double, double>);
const CudaKernel backward_kernel(ScanKernels<double>::backward,
                                 device::run_backward<double, double>);

}  // namespace
}  // namespace ranvier::neurons
