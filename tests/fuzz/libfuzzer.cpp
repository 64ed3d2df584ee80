// Joins a fuzz target to libFuzzer.
#include "ranvier/core/error.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    ranvier::fuzz::parse({data, size});
  } catch (const ranvier::Error&) {
    return 0;
  }
  return 0;
}
