#include "ranvier/distributed/core_share.h"

#include <sched.h>

#include <string>
#include <thread>
#include <vector>

#include "ranvier/core/parallel.h"
#include "ranvier/distributed/detail/process_name.h"

namespace ranvier {
namespace {

/// '1' at the place of each core that this process may use; all that there are if nobody knows.
std::string usable_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0)
    return std::string(std::max(1u, std::thread::hardware_concurrency()), '1');
  std::string cores(CPU_SETSIZE, '0');
  for (std::size_t core = 0; core < cores.size(); ++core)
    if (CPU_ISSET(core, &set)) cores[core] = '1';
  return cores;
}

bool have_one_in_common(const std::string& a, const std::string& b) {
  for (std::size_t core = 0; core < std::min(a.size(), b.size()); ++core)
    if (a[core] == '1' && b[core] == '1') return true;
  return false;
}

}  // namespace

CoreShare core_share(const Group& group) {
  const std::vector<std::string> machines = all_gather_text(group, detail::host_name());
  const std::vector<std::string> cores = all_gather_text(group, usable_cores());
  const auto own = static_cast<std::size_t>(group.index());
  int ranks = 0;
  for (std::size_t i = 0; i < machines.size(); ++i)
    if (machines[i] == machines[own] && have_one_in_common(cores[i], cores[own])) ++ranks;
  return {.ranks = ranks,
          .cores = static_cast<int>(std::count(cores[own].begin(), cores[own].end(), '1'))};
}

void limit_threads(const CoreShare& share) {
  set_num_threads(std::min(num_threads(), share.threads()));
}

}  // namespace ranvier
