// What the sources of ranvier_nccl use of NCCL, for ranks whose devices this machine's processors
// play: names, values and meanings are those of NCCL 2.28.
#pragma once

#include <cuda_runtime.h>

#include <climits>
#include <cstddef>

namespace emulator::nccl {
struct Communicator;
}

using ncclComm_t = emulator::nccl::Communicator*;

enum ncclResult_t {
  ncclSuccess = 0,
  ncclUnhandledCudaError = 1,
  ncclSystemError = 2,
  ncclInternalError = 3,
  ncclInvalidArgument = 4,
  ncclInvalidUsage = 5,
  ncclRemoteError = 6,
  ncclInProgress = 7,
};
const char* ncclGetErrorString(ncclResult_t result);

/// A version as one number, of versions after 2.8.
constexpr int NCCL_VERSION(int major, int minor, int patch) {
  return major * 10000 + minor * 100 + patch;
}
ncclResult_t ncclGetVersion(int* version);

inline constexpr std::size_t NCCL_UNIQUE_ID_BYTES = 128;
struct ncclUniqueId {
  char internal[NCCL_UNIQUE_ID_BYTES];
};
ncclResult_t ncclGetUniqueId(ncclUniqueId* id);

inline constexpr int NCCL_CONFIG_UNDEF_INT = INT_MIN;
struct ncclConfig_t {
  unsigned magic;
  int blocking;
  int maxCTAs;
};
inline constexpr ncclConfig_t NCCL_CONFIG_INITIALIZER{0xcafebeef, NCCL_CONFIG_UNDEF_INT,
                                                      NCCL_CONFIG_UNDEF_INT};

/// Of the calling thread's device. Without blocking it connects the ranks beside the caller.
ncclResult_t ncclCommInitRankConfig(ncclComm_t* communicator, int ranks, ncclUniqueId id, int rank,
                                    ncclConfig_t* config);
ncclResult_t ncclCommGetAsyncError(ncclComm_t communicator, ncclResult_t* error);
/// Ends work that waits for other ranks; returns when no work and no graph knows the communicator.
ncclResult_t ncclCommAbort(ncclComm_t communicator);

ncclResult_t ncclMemAlloc(void** block, std::size_t bytes);
ncclResult_t ncclMemFree(void* block);
/// The handle is null where the environment variable NCCL_LOCAL_REGISTER is 0.
ncclResult_t ncclCommRegister(ncclComm_t communicator, void* block, std::size_t bytes,
                              void** handle);
ncclResult_t ncclCommDeregister(ncclComm_t communicator, void* handle);

enum ncclDataType_t { ncclUint8 = 1 };

ncclResult_t ncclGroupStart();
ncclResult_t ncclGroupEnd();
ncclResult_t ncclSend(const void* array, std::size_t count, ncclDataType_t type, int to,
                      ncclComm_t communicator, cudaStream_t stream);
ncclResult_t ncclRecv(void* array, std::size_t count, ncclDataType_t type, int from,
                      ncclComm_t communicator, cudaStream_t stream);
