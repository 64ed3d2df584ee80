#include "ranvier/core/dispatch.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace ranvier {
namespace {

IsaLevel processor_level() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return IsaLevel::v4;
  if (__builtin_cpu_supports("x86-64-v3")) return IsaLevel::v3;
  if (__builtin_cpu_supports("x86-64-v2")) return IsaLevel::v2;
  fail(ErrorCode::device, "[dispatch] Ranvier's kernels need a processor with x86-64-v2 (SSE4.2).");
}

IsaLevel allowed_level() {
  const char* variable = std::getenv("RANVIER_ISA");
  const std::string_view text = variable == nullptr ? "v4" : variable;
  if (text == "v4") return IsaLevel::v4;
  if (text == "v3") return IsaLevel::v3;
  if (text == "v2") return IsaLevel::v2;
  fail(ErrorCode::invalid_argument, "[dispatch] RANVIER_ISA must be v2, v3 or v4; got '{}'.", text);
}

}  // namespace

const char* name(IsaLevel level) {
  switch (level) {
    case IsaLevel::v2:
      return "x86-64-v2";
    case IsaLevel::v3:
      return "x86-64-v3";
    case IsaLevel::v4:
      return "x86-64-v4";
  }
  return "?";
}

IsaLevel isa_level() {
  static const IsaLevel level = std::min(processor_level(), allowed_level());
  return level;
}

}  // namespace ranvier
