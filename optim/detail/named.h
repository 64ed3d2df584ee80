// Tables of things that command lines name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ranvier/core/error.h"

namespace ranvier::optim {

template <class T>
struct Named {
  const char* name;
  T value;
};

template <class T, std::size_t count>
std::vector<std::string> names_of(const Named<T> (&table)[count]) {
  std::vector<std::string> names;
  for (const Named<T>& entry : table) names.emplace_back(entry.name);
  return names;
}

/// The value called `name`. Error, tagged with `op`: another name (lists those there are).
template <class T, std::size_t count>
const T& find_named(const char* op, const Named<T> (&table)[count], std::string_view name) {
  std::string names;
  for (const Named<T>& entry : table) {
    if (name == entry.name) return entry.value;
    names += names.empty() ? "" : ", ";
    names += entry.name;
  }
  fail(ErrorCode::invalid_argument, "[{}] the name must be one of {}; got '{}'.", op, names, name);
}

}  // namespace ranvier::optim
