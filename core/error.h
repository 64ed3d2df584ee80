// Errors: `Error` is the user's to mend, `InternalError` is ours.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ranvier {

/// What kind of mistake an `Error` reports, for callers that react to it.
enum class ErrorCode {
  invalid_argument,  ///< a value, shape, dtype or option that an operation does not accept
  device,            ///< a device that is absent, or tensors on different devices
  io,                ///< a file that cannot be opened, read or written
  format,            ///< a file whose content is not what its format promises
  state,             ///< a call that is not possible now (second backward, stale saved tensor)
  non_finite,        ///< NaN or infinity where a finite number is needed
  communication,     ///< another rank that is lost, silent, or says what was not expected
};

/// A mistake the caller can mend; `what()` says what, where and what would be right.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message, std::source_location where)
      : std::runtime_error(message), code_(code), where_(where) {}

  ErrorCode code() const { return code_; }
  const std::source_location& where() const { return where_; }

 private:
  ErrorCode code_;
  std::source_location where_;
};

/// A broken promise inside Ranvier; `what()` ends with the place that noticed.
class InternalError : public std::logic_error {
  using std::logic_error::logic_error;
};

namespace detail {
/// Base of the {fmt} formatters of our types: plain text, no format specification.
struct TextFormatter {
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
  static auto write(std::string_view text, fmt::format_context& context) {
    return std::copy(text.begin(), text.end(), context.out());
  }
};

/// Carries the caller's location beside a format string, so that `fail` can be variadic.
struct FormatAt {
  fmt::string_view format;
  std::source_location where;
  FormatAt(const char* text, std::source_location at = std::source_location::current())
      : format(text), where(at) {}
};
[[noreturn]] void throw_error(ErrorCode code, const FormatAt& at, fmt::format_args args);
[[noreturn]] void throw_internal(const char* condition, const FormatAt& at, fmt::format_args args);
}  // namespace detail

/// Throws `Error` with a message in {fmt} syntax.
template <class... Args>
[[noreturn]] void fail(ErrorCode code, detail::FormatAt at, const Args&... args) {
  detail::throw_error(code, at, fmt::make_format_args(args...));
}

/// Rethrows the exception being handled with `context` in front of its message.
[[noreturn]] void rethrow_in_context(const std::string& context);

namespace detail {
template <class... Args>
[[noreturn]] void fail_internal(const char* condition, FormatAt at, const Args&... args) {
  throw_internal(condition, at, fmt::make_format_args(args...));
}
}  // namespace detail
}  // namespace ranvier

/// Throws `Error` (invalid_argument) unless `condition`; the message says requirement and value:
/// `RV_CHECK(tau > 0, "[lif] tau must be > 0; got {}.", tau);`
#define RV_CHECK(condition, ...) \
  (static_cast<bool>(condition)  \
       ? void()                  \
       : ::ranvier::fail(::ranvier::ErrorCode::invalid_argument, __VA_ARGS__))

/// Throws `InternalError` unless `condition`: a bug of ours, never a user's input.
#define RV_ASSERT(condition, ...)        \
  (static_cast<bool>(condition) ? void() \
                                : ::ranvier::detail::fail_internal(#condition, __VA_ARGS__))
