// Which implementation of a kernel runs: by the tensor's device, and on the CPU by the processor.
#pragma once

#include <cstdint>

#include "ranvier/core/device.h"
#include "ranvier/core/error.h"

namespace ranvier {

/// Levels of the x86-64 architecture that kernel files (*_isa.cpp) are compiled for:
/// SSE4.2, AVX2 with FMA, AVX-512.
enum class IsaLevel : std::uint8_t { v2 = 2, v3 = 3, v4 = 4 };

/// "x86-64-v3".
const char* name(IsaLevel level);

/// The level that kernels run at: the highest of this processor, or that of the environment
/// variable RANVIER_ISA (v2, v3 or v4) if it is lower. Error: the variable has another value, or
/// the processor is below v2.
IsaLevel isa_level();

/// The copy of a kernel, or of a table of kernels, for `isa_level()`.
template <class Kernel>
const Kernel& pick_isa(const Kernel& v2, const Kernel& v3, const Kernel& v4) {
  const IsaLevel level = isa_level();
  return level == IsaLevel::v4 ? v4 : level == IsaLevel::v3 ? v3 : v2;
}

/// The implementations of one operation, a function for each kind of device; null where this
/// build has none. `cuda` is set when the library ranvier_cuda is opened.
template <class Function>
struct DeviceKernels {
  Function* cpu = nullptr;
  Function* cuda = nullptr;
};

/// Sets the CUDA implementation of an operation: `const CudaKernel kernel(detail::conv_forward,
/// forward);` at namespace scope of a file of ranvier_cuda.
struct CudaKernel {
  template <class Function>
  CudaKernel(DeviceKernels<Function>& kernels, Function* function) {
    kernels.cuda = function;
  }
};

/// The implementation of `op` for `device`. Error: this build has none.
template <class Function>
Function* kernel_for(const char* op, Device device, const DeviceKernels<Function>& kernels) {
  Function* const kernel = device.type == DeviceType::cpu ? kernels.cpu : kernels.cuda;
  if (kernel == nullptr)
    fail(ErrorCode::device, "[{}] no {} kernel in this build.", op,
         device.type == DeviceType::cpu ? "CPU" : "CUDA");
  return kernel;
}

}  // namespace ranvier
