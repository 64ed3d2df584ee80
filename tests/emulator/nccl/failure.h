// How what the emulated NCCL does inside ends without success.
#pragma once

#include <fmt/core.h>
#include <nccl.h>

#include <string>
#include <utility>

namespace emulator::nccl {

/// Thrown by what a call or its work does, and caught there.
struct Failure {
  ncclResult_t result;
  std::string why;  ///< empty: the result says it all
};

template <class... Args>
[[noreturn]] void fail(ncclResult_t result, fmt::format_string<Args...> why, Args&&... args) {
  throw Failure{result, fmt::format(why, std::forward<Args>(args)...)};
}

/// Writes to stderr what NCCL writes to its log.
inline void explain(const std::string& where, const std::string& why) {
  if (!why.empty()) fmt::print(stderr, "emulated NCCL: {}: {}\n", where, why);
}

/// What a call that does `body` returns.
template <class Body>
ncclResult_t result_of(const char* call, const Body& body) {
  try {
    body();
    return ncclSuccess;
  } catch (const Failure& failure) {
    explain(call, failure.why);
    return failure.result;
  }
}

}  // namespace emulator::nccl
