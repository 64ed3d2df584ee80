// "Name(option=value, option=value)": how transforms and framings describe themselves. Such texts
// are keys of caches, so doubles are written with all the digits that tell them apart.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>

namespace ranvier::detail {

class Description {
 public:
  explicit Description(std::string_view name) : text_(fmt::format("{}(", name)) {}

  template <class Value>
  Description& add(std::string_view option, const Value& value) {
    text_ += fmt::format("{}{}={}", text_.back() == '(' ? "" : ", ", option, value);
    return *this;
  }
  std::string done() const { return text_ + ")"; }

 private:
  std::string text_;
};

}  // namespace ranvier::detail
