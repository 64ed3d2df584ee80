#include "ranvier/core/error.h"

#include <exception>

namespace ranvier {

void rethrow_in_context(const std::string& context) {
  try {
    throw;
  } catch (const Error& error) {
    std::throw_with_nested(Error(error.code(), context + error.what(), error.where()));
  } catch (const InternalError& error) {
    std::throw_with_nested(InternalError(context + error.what()));
  } catch (const std::exception& error) {
    std::throw_with_nested(
        Error(ErrorCode::state, context + error.what(), std::source_location::current()));
  }
}

namespace detail {

void throw_error(ErrorCode code, const FormatAt& at, fmt::format_args args) {
  throw Error(code, fmt::vformat(at.format, args), at.where);
}

void throw_internal(const char* condition, const FormatAt& at, fmt::format_args args) {
  throw InternalError(fmt::format("{} (internal error: `{}` failed at {}:{}; please report it)",
                                  fmt::vformat(at.format, args), condition, at.where.file_name(),
                                  at.where.line()));
}

}  // namespace detail
}  // namespace ranvier
