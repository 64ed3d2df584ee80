#include "tests/emulator/nccl/communicator.h"

#include <unistd.h>

#include <cstring>
#include <map>
#include <mutex>
#include <utility>

namespace emulator::nccl {
namespace {

struct Communicators {
  std::mutex mutex;
  std::map<ncclComm_t, std::shared_ptr<Communicator>> living;
};

Communicators& communicators() {
  static auto& only = *new Communicators;
  return only;
}

ncclComm_t add(std::shared_ptr<Communicator> communicator) {
  const std::lock_guard lock(communicators().mutex);
  const ncclComm_t handle = communicator.get();
  communicators().living[handle] = std::move(communicator);
  return handle;
}

/// With the lock of communicators.
auto entry_of(ncclComm_t communicator) {
  const auto found = communicators().living.find(communicator);
  if (found == communicators().living.end())
    fail(ncclInvalidArgument, "the communicator does not exist, or was aborted");
  return found;
}

/// Nobody finds it any more.
std::shared_ptr<Communicator> take(ncclComm_t communicator) {
  const std::lock_guard lock(communicators().mutex);
  return communicators().living.extract(entry_of(communicator)).mapped();
}

void check_config(const ncclConfig_t* config) {
  if (config == nullptr || config->magic != NCCL_CONFIG_INITIALIZER.magic)
    fail(ncclInvalidArgument, "the configuration was not initialised");
  const int blocking = config->blocking, most = config->maxCTAs;
  if (blocking != NCCL_CONFIG_UNDEF_INT && blocking != 0 && blocking != 1)
    fail(ncclInvalidArgument, "blocking must be 0 or 1; got {}", blocking);
  if (most != NCCL_CONFIG_UNDEF_INT && most < 1)
    fail(ncclInvalidArgument, "maxCTAs must be > 0; got {}", most);
}

std::string name_of(const ncclUniqueId& id) {
  const std::size_t length = ::strnlen(id.internal, sizeof id.internal);
  constexpr std::size_t longest = 64;  // a socket's name holds a rank too
  if (length == 0 || length > longest)
    fail(ncclInvalidArgument, "the id does not come from ncclGetUniqueId");
  return {id.internal, length};
}

Introduction introduction_of(int ranks, int rank) {
  if (ranks < 1 || rank < 0 || rank >= ranks)
    fail(ncclInvalidArgument, "there is no rank {} of {}", rank, ranks);
  int device = 0;
  if (cudaGetDevice(&device) != cudaSuccess) throw Failure{ncclUnhandledCudaError, {}};
  return {ranks, rank, device, ::getpid()};
}

std::shared_ptr<Communicator> begin(const std::string& name, const Introduction& own) {
  const auto communicator = std::make_shared<Communicator>();
  communicator->links = std::make_shared<Links>(own);
  communicator->connecting =
      std::jthread([links = communicator->links, name] { links->connect(name); });
  return communicator;
}

}  // namespace

std::shared_ptr<Communicator> find(ncclComm_t communicator) {
  const std::lock_guard lock(communicators().mutex);
  return entry_of(communicator)->second;
}

std::shared_ptr<Communicator> find_ready(ncclComm_t communicator) {
  std::shared_ptr<Communicator> found = find(communicator);
  const ncclResult_t state = found->links->state();
  if (state == ncclInProgress)
    fail(ncclInvalidArgument, "the communicator is still being connected");
  if (state != ncclSuccess) throw Failure{state, {}};
  return found;
}

}  // namespace emulator::nccl

using namespace emulator::nccl;

ncclResult_t ncclCommInitRankConfig(ncclComm_t* communicator, int ranks, ncclUniqueId id, int rank,
                                    ncclConfig_t* config) {
  std::shared_ptr<Communicator> begun;
  const ncclResult_t result = result_of("ncclCommInitRankConfig", [&] {
    if (communicator == nullptr) fail(ncclInvalidArgument, "there is no place for a communicator");
    check_config(config);
    begun = begin(name_of(id), introduction_of(ranks, rank));
    *communicator = add(begun);
  });
  if (result != ncclSuccess) return result;
  if (config->blocking == 0) return ncclInProgress;
  begun->connecting.join();
  return begun->links->state();
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t communicator, ncclResult_t* error) {
  return result_of("ncclCommGetAsyncError", [&] {
    if (error == nullptr) fail(ncclInvalidArgument, "there is no place for an error");
    *error = find(communicator)->links->state();
  });
}

ncclResult_t ncclCommAbort(ncclComm_t communicator) {
  return result_of("ncclCommAbort", [&] {
    std::shared_ptr<Communicator> taken = take(communicator);
    taken->links->end(ncclInvalidUsage);  // which is what whoever still uses it does
    const std::future<void> gone = taken->links->gone();
    taken.reset();
    gone.wait();
  });
}
