#include "ranvier/distributed/nccl_transport.h"

#include <algorithm>
#include <cstdlib>

#include "ranvier/core/detail/own_library.h"
#include "ranvier/distributed/collectives.h"
#include "ranvier/distributed/detail/nccl_library.h"
#include "ranvier/distributed/detail/process_name.h"

namespace ranvier {
namespace detail {

constinit const NcclLibrary* nccl_library_slot = nullptr;

namespace {

const NcclLibrary& nccl_library() {
  static const std::string why_not = open_own_library(RANVIER_NCCL_LIBRARY, "NCCL");
  if (!why_not.empty()) fail(ErrorCode::communication, "[nccl] NCCL cannot be used: {}.", why_not);
  RV_ASSERT(nccl_library_slot != nullptr, "[nccl] {} has no functions", RANVIER_NCCL_LIBRARY);
  return *nccl_library_slot;
}

}  // namespace
}  // namespace detail

namespace {

/// Which GPU a rank means. Processes that see different ones of a machine count them differently.
std::string place_of(Device device) {
  const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
  return fmt::format("{} {} {}", detail::host_name(), visible == nullptr ? "" : visible, device);
}

/// NCCL itself says no more than "invalid usage".
void check_own_device(Transport& hosts, Device device) {
  const std::vector<std::string> places = all_gather_text(Group::all(hosts), place_of(device));
  const int own = hosts.rank();
  for (int other = 0; other < hosts.size(); ++other)
    if (other != own &&
        places[static_cast<std::size_t>(other)] == places[static_cast<std::size_t>(own)])
      fail(ErrorCode::device,
           "[nccl] {} and {} have the same GPU, {}; NCCL wants one for each rank: start fewer, or "
           "take the transport mpi.",
           hosts.describe(std::min(own, other)), hosts.describe(std::max(own, other)), device);
}

}  // namespace

std::string nccl_version() { return detail::nccl_library().version(); }

std::unique_ptr<Transport> open_nccl(Transport& hosts, Device device) {
  if (device.type != DeviceType::cuda)
    fail(ErrorCode::device, "[nccl] each rank needs a CUDA device; {} has {}.",
         hosts.describe(hosts.rank()), device);
  check_own_device(hosts, device);
  require_available(device);
  return detail::nccl_library().open(hosts, device);
}

}  // namespace ranvier
