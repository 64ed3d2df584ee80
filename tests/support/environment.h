// Environment variables of a test.
#pragma once

#include <stdlib.h>

#include <optional>
#include <string>

namespace ranvier::test {

/// Sets a variable, or with null unsets it, for as long as it lives.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* former = getenv(name)) former_ = former;
    set(value);
  }
  ~Environment() { set(former_ ? former_->c_str() : nullptr); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  void set(const char* value) const { value ? setenv(name_, value, 1) : unsetenv(name_); }

  const char* name_;
  std::optional<std::string> former_;
};

}  // namespace ranvier::test
