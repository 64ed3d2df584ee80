#include <dlfcn.h>

#include <filesystem>

#include <fmt/core.h>

#include "ranvier/core/detail/own_library.h"

namespace ranvier::detail {

std::string open_own_library(const char* file, const char* without) {
  Dl_info here{};
  dladdr(reinterpret_cast<void*>(&open_own_library), &here);
  const std::filesystem::path path =
      std::filesystem::path(here.dli_fname == nullptr ? "" : here.dli_fname).parent_path() / file;
  if (!std::filesystem::exists(path))
    return fmt::format("this build has no {}; it was made without {}", path.string(), without);
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr)
    return fmt::format("{} could not be opened: {}", path.string(), dlerror());
  return {};
}

}  // namespace ranvier::detail
