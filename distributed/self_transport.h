// One rank alone, which may send to itself.
#pragma once

#include <memory>

#include "ranvier/distributed/transport.h"

namespace ranvier {

/// The transport of kind "self".
std::unique_ptr<Transport> open_self();

}  // namespace ranvier
