// Ranks that are threads of this process: the test bed of everything distributed.
#pragma once

#include <functional>

#include "ranvier/distributed/transport.h"

namespace ranvier {

/// Runs `body` on `ranks` threads, each with its transport of kind "local", its share of the
/// caller's threads for parallel loops, and its own default generator, which begins where the
/// caller's is. When one throws, the others' waits fail, and the first error reaches the caller
/// with its rank in front. Ranks that wait for each other for longer than patience fail too.
/// Error: ranks < 1.
void run_local(int ranks, const std::function<void(Transport&)>& body,
               const TransportOptions& options = {});

}  // namespace ranvier
