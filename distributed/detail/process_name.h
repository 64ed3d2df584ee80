// What messages call this process and its machine.
#pragma once

#include <unistd.h>

#include <climits>
#include <string>

#include <fmt/core.h>

namespace ranvier::detail {

/// "node7"
inline std::string host_name() {
  char host[HOST_NAME_MAX + 1] = "";
  gethostname(host, sizeof host - 1);
  return host;
}

/// "process 4711 on node7"
inline std::string process_name() { return fmt::format("process {} on {}", getpid(), host_name()); }

}  // namespace ranvier::detail
