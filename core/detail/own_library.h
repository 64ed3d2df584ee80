// The libraries of Ranvier that are opened when they are needed.
#pragma once

#include <string>

namespace ranvier::detail {

/// Opens `file`, which lies beside the library that this function is in, once for all. Returns why
/// that is not possible, or nothing. `without` is what a build that has no such file was made
/// without: "CUDA".
std::string open_own_library(const char* file, const char* without);

}  // namespace ranvier::detail
