#include "ranvier/distributed/nccl_transport.h"

#include "ranvier/core/detail/own_library.h"
#include "ranvier/distributed/detail/nccl_library.h"

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

std::string nccl_version() { return detail::nccl_library().version(); }

std::unique_ptr<Transport> open_nccl(Transport& hosts, Device device) {
  if (device.type != DeviceType::cuda)
    fail(ErrorCode::device, "[nccl] each rank needs a CUDA device; {} has {}.",
         hosts.describe(hosts.rank()), device);
  require_available(device);
  return detail::nccl_library().open(hosts, device);
}

}  // namespace ranvier
