#include "ranvier/distributed/detail/nccl_links.h"

#include <utility>

namespace ranvier::cuda {

NcclLinks::~NcclLinks() {
  for (const NcclLink& link : links_)
    if (link.communicator != nullptr && link.memory) link.memory->deregister();
  abort();
  for (std::thread& thread : aborting_) thread.join();
  for (NcclLink& link : links_)
    if (link.stream != nullptr) cudaStreamDestroy(link.stream);
}

void NcclLinks::wait() const {
  for (const NcclLink& link : links_)
    if (link.stream != nullptr) cudaStreamSynchronize(link.stream);
}

// To abort a communicator waits until the device is done with all kernels, those of the others
// among them, and until no graph knows it. So they are aborted at once, beside the caller, who may
// have to end a graph. NCCL then forgets registered memory by itself.
void NcclLinks::abort() {
  for (NcclLink& link : links_)
    if (link.communicator != nullptr)
      aborting_.emplace_back(
          [communicator = std::exchange(link.communicator, nullptr), device = device_.index] {
            cudaSetDevice(device);
            ncclCommAbort(communicator);
          });
}

}  // namespace ranvier::cuda
