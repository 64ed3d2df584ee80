// What ranvier asks of the library ranvier_nccl.
#pragma once

#include <memory>
#include <string>

#include "ranvier/core/device.h"
#include "ranvier/distributed/transport.h"

namespace ranvier::detail {

struct NcclLibrary {
  std::string (*version)();
  std::unique_ptr<Transport> (*open)(Transport& hosts, Device device);
};

/// Where ranvier_nccl puts its functions when it is opened.
extern const NcclLibrary* nccl_library_slot;

}  // namespace ranvier::detail
