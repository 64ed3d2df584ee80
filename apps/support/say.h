// What a long run tells its user.
#pragma once

#include <fmt/core.h>

#include <cstdio>
#include <string>
#include <utility>

namespace ranvier::apps {

/// Prints as `fmt::print` does, but a log that cannot be written, on a full disk for one, does not
/// end the run: `run_program` tells of it at the end.
template <class... Args>
void say(std::FILE* out, fmt::format_string<Args...> text, Args&&... args) {
  std::fputs(fmt::format(text, std::forward<Args>(args)...).c_str(), out);
}
template <class... Args>
void say(fmt::format_string<Args...> text, Args&&... args) {
  say(stdout, text, std::forward<Args>(args)...);
}

}  // namespace ranvier::apps
