// What messages call this process.
#pragma once

#include <unistd.h>

#include <climits>
#include <string>

#include <fmt/core.h>

namespace ranvier::detail {

/// "process 4711 on node7"
inline std::string process_name() {
  char host[HOST_NAME_MAX + 1] = "";
  gethostname(host, sizeof host - 1);
  return fmt::format("process {} on {}", getpid(), host);
}

}  // namespace ranvier::detail
