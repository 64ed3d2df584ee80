// Refusals of cuBLASLt and cuDNN. Emulated devices make them when a test asks for them; tests skip
// aloud where devices are real.
#pragma once

#include "tests/emulator/libraries/refusals.h"
#include "tests/support/cuda.h"

namespace ranvier::test {

using emulator::Answer;
using emulator::LibraryCall;
using emulator::Refusal;

inline bool cuda_is_emulated() {
  return is_available(cuda_device) && describe(cuda_device).find("emulated device") == 0;
}

}  // namespace ranvier::test

/// Begins the body of a test case that makes libraries refuse what they are asked for.
#define RV_NEEDS_REFUSALS()                                              \
  RV_NEEDS_CUDA();                                                       \
  do {                                                                   \
    if (!ranvier::test::cuda_is_emulated())                              \
      SKIP("libraries of a real CUDA device refuse nothing on request"); \
  } while (false)
