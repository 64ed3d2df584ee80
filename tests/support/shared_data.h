// Data sets too large for the repository: they lie beside it on machines that have them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "tests/support/catch.h"

namespace ranvier::test {

/// "shared/data/`name`" in the nearest folder above the source folder that has it, else nothing,
/// after saying so: `const auto samples = shared_data("event-samples"); if (!samples) return;`
inline std::optional<std::filesystem::path> shared_data(const std::string& name) {
  std::filesystem::path folder = std::filesystem::current_path();
  while (folder.has_relative_path()) {
    folder = folder.parent_path();
    std::filesystem::path found = folder / "shared" / "data" / name;
    if (std::filesystem::exists(found)) return found;
  }
  WARN("skipped: there is no shared/data/" << name << " above "
                                           << std::filesystem::current_path().string());
  return std::nullopt;
}

}  // namespace ranvier::test
