// What NCCL says of itself, and the names of new communicators.
#include <nccl.h>

#include <random>

#include "tests/emulator/nccl/failure.h"

using namespace emulator::nccl;

ncclResult_t ncclGetVersion(int* version) {
  return result_of("ncclGetVersion", [&] {
    if (version == nullptr) fail(ncclInvalidArgument, "there is no place for a version");
    *version = NCCL_VERSION(2, 28, 9);
  });
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  return result_of("ncclGetUniqueId", [&] {
    if (id == nullptr) fail(ncclInvalidArgument, "there is no place for an id");
    std::random_device random;
    *id = {};
    fmt::format_to_n(id->internal, sizeof id->internal - 1, "emulated-nccl-{:08x}{:08x}{:08x}",
                     random(), random(), random());
  });
}

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclUnhandledCudaError:
      return "unhandled cuda error";
    case ncclSystemError:
      return "unhandled system error";
    case ncclInternalError:
      return "internal error";
    case ncclInvalidArgument:
      return "invalid argument";
    case ncclInvalidUsage:
      return "invalid usage";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInProgress:
      return "NCCL operation in progress";
  }
  return "unknown result code";
}
