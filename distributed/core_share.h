// The cores of a machine, which its ranks share.
#pragma once

#include <algorithm>

#include "ranvier/distributed/collectives.h"

namespace ranvier {

/// Ranks of one machine that may run on the same cores, and those cores.
struct CoreShare {
  int ranks = 1;
  int cores = 1;

  /// Of each rank, so that they do not take turns, if there are enough cores.
  int threads() const { return std::max(1, cores / ranks); }
  /// Whether they take turns if each computes with so many threads.
  bool scarce(int threads) const { return ranks * threads > cores; }
};

/// That of this rank. All members of `group` call it.
CoreShare core_share(const Group& group);

/// Lets this process compute with no more threads than its share has.
void limit_threads(const CoreShare& share);

}  // namespace ranvier
