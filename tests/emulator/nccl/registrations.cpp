// Memory that communicators are told of before they carry messages from and to it.
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include "tests/emulator/nccl/communicator.h"
#include "tests/emulator/runtime/memory.h"

namespace emulator::nccl {
namespace {

struct Registration {
  std::weak_ptr<const Links> links;  // an end of the communicator is an end of these
  const std::byte* begin;
  std::size_t bytes;

  bool holds(const void* place) const {
    return !links.expired() && place >= begin && place < begin + bytes;
  }
};

struct Registrations {
  std::mutex mutex;
  std::map<void*, std::unique_ptr<Registration>> by_handle;
};

Registrations& registrations() {
  static auto& only = *new Registrations;
  return only;
}

bool registers() {
  const char* const asked = std::getenv("NCCL_LOCAL_REGISTER");
  return asked == nullptr || std::string_view(asked) != "0";
}

void* add(Registration registration) {
  auto kept = std::make_unique<Registration>(std::move(registration));
  void* const handle = kept.get();
  const std::lock_guard lock(registrations().mutex);
  std::erase_if(registrations().by_handle,
                [](const auto& entry) { return entry.second->links.expired(); });
  registrations().by_handle[handle] = std::move(kept);
  return handle;
}

/// Error, which is said once: the memory is registered.
void forget(const void* freed) {
  const std::lock_guard lock(registrations().mutex);
  if (std::erase_if(registrations().by_handle,
                    [freed](const auto& entry) { return entry.second->holds(freed); }) > 0)
    fail(ncclInvalidUsage, "memory is freed that a communicator still knows");
}

void check_cuda(cudaError_t error) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // NCCL keeps CUDA's errors to itself
  fail(ncclUnhandledCudaError, "{}", cudaGetErrorString(error));
}

}  // namespace

}  // namespace emulator::nccl

using namespace emulator::nccl;

ncclResult_t ncclMemAlloc(void** block, std::size_t bytes) {
  return result_of("ncclMemAlloc", [&] {
    if (block == nullptr || bytes == 0)
      fail(ncclInvalidArgument, "there is no place for a block, or it is empty");
    check_cuda(cudaMalloc(block, bytes));
  });
}

ncclResult_t ncclMemFree(void* block) {
  const ncclResult_t known = result_of("ncclMemFree", [&] { forget(block); });
  const ncclResult_t freed = result_of("ncclMemFree", [&] { check_cuda(cudaFree(block)); });
  return known != ncclSuccess ? known : freed;
}

ncclResult_t ncclCommRegister(ncclComm_t communicator, void* block, std::size_t bytes,
                              void** handle) {
  return result_of("ncclCommRegister", [&] {
    const std::shared_ptr<Links> links = find_ready(communicator)->links;
    if (handle == nullptr || bytes == 0 ||
        emulator::place_of(block, bytes) != emulator::Place::device)
      fail(ncclInvalidArgument, "{} bytes at {} are not a device's, or their handle has no place",
           bytes, block);
    *handle = registers() ? add({links, static_cast<std::byte*>(block), bytes}) : nullptr;
  });
}

ncclResult_t ncclCommDeregister(ncclComm_t communicator, void* handle) {
  return result_of("ncclCommDeregister", [&] {
    const std::shared_ptr<const Links> links = find(communicator)->links;
    if (handle == nullptr) return;  // where nothing is registered
    const std::lock_guard lock(registrations().mutex);
    const auto found = registrations().by_handle.find(handle);
    if (found == registrations().by_handle.end() || found->second->links.lock() != links)
      fail(ncclInvalidArgument, "{} is no handle of this communicator", handle);
    registrations().by_handle.erase(found);
  });
}
