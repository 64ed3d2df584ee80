#include "ranvier/core/error.h"

namespace ranvier::detail {

void throw_error(ErrorCode code, const FormatAt& at, fmt::format_args args) {
  throw Error(code, fmt::vformat(at.format, args), at.where);
}

void throw_internal(const char* condition, const FormatAt& at, fmt::format_args args) {
  throw InternalError(fmt::format("{} (internal error: `{}` failed at {}:{}; please report it)",
                                  fmt::vformat(at.format, args), condition, at.where.file_name(),
                                  at.where.line()));
}

}  // namespace ranvier::detail
