// Text without the white space around it.
#pragma once

#include <string_view>

namespace ranvier::detail {

inline std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace ranvier::detail
