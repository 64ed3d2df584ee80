// Sends and receives, and the groups that they are asked for in.
#include <memory>
#include <utility>
#include <vector>

#include "tests/emulator/nccl/communicator.h"
#include "tests/emulator/runtime/memory.h"
#include "tests/emulator/runtime/streams.h"

namespace emulator::nccl {
namespace {

/// What a group asks of one communicator.
struct Part {
  std::shared_ptr<Communicator> communicator;
  Messages messages;
};

struct Group {
  int depth = 0;
  ncclResult_t error = ncclSuccess;  // the first
  std::vector<Part> parts;
};
thread_local Group group;

// NCCL orders work of one communicator on several streams as it was asked for. Ranvier never needs
// that, and without it the streams' order is the messages'.
void keep_to_one_stream(Communicator& communicator, cudaStream_t stream) {
  if (stream == nullptr || device_of(stream) != communicator.links->own().device)
    fail(ncclInvalidArgument, "the stream is not one of device {}",
         communicator.links->own().device);
  if (communicator.stream != nullptr && communicator.stream != stream)
    fail(ncclInvalidUsage, "the emulator wants all work of a communicator on one stream");
  communicator.stream = stream;
}

void check_message(const void* array, std::size_t count, ncclDataType_t type, int other,
                   const Communicator& communicator) {
  if (type != ncclUint8) fail(ncclInvalidArgument, "the emulator knows no type {}", int{type});
  if (other < 0 || other >= communicator.links->own().ranks)
    fail(ncclInvalidArgument, "there is no rank {} of {}", other, communicator.links->own().ranks);
  if (count > 0 && place_of(array, count) != Place::device)
    fail(ncclInvalidArgument, "{} bytes at {} do not lie in memory of a device", count, array);
}

Messages& messages_of(const std::shared_ptr<Communicator>& communicator) {
  for (Part& part : group.parts)
    if (part.communicator == communicator) return part.messages;
  return group.parts.emplace_back(Part{communicator, {}}).messages;
}

/// What the group is asked for, or one of its own where there is none.
template <class Add>
ncclResult_t ask(const char* call, const Add& add) {
  ncclGroupStart();
  const ncclResult_t result = result_of(call, add);
  if (group.error == ncclSuccess) group.error = result;
  const ncclResult_t end = ncclGroupEnd();
  return result != ncclSuccess ? result : end;
}

void launch(Part part) {
  const auto messages = std::make_shared<const Messages>(std::move(part.messages));
  const auto work = [links = part.communicator->links, messages] { links->exchange(*messages); };
  const cudaError_t error = enqueue(part.communicator->stream, work);
  if (error == cudaSuccess) return;
  cudaGetLastError();  // NCCL keeps CUDA's errors to itself
  fail(ncclUnhandledCudaError, "{}", cudaGetErrorString(error));
}

}  // namespace
}  // namespace emulator::nccl

using namespace emulator::nccl;

ncclResult_t ncclGroupStart() {
  ++group.depth;
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  return result_of("ncclGroupEnd", [] {
    if (group.depth == 0) fail(ncclInvalidUsage, "no group was started");
    if (--group.depth > 0) return;
    Group ended = std::exchange(group, {});
    if (ended.error != ncclSuccess) throw Failure{ended.error, {}};
    for (const Part& part : ended.parts)
      check_own_messages(part.messages, part.communicator->links->own().rank);
    for (Part& part : ended.parts) launch(std::move(part));
  });
}

ncclResult_t ncclSend(const void* array, std::size_t count, ncclDataType_t type, int to,
                      ncclComm_t communicator, cudaStream_t stream) {
  return ask("ncclSend", [&] {
    const std::shared_ptr<Communicator> found = find_ready(communicator);
    check_message(array, count, type, to, *found);
    keep_to_one_stream(*found, stream);
    messages_of(found).sends.push_back({to, {static_cast<const std::byte*>(array), count}});
  });
}

ncclResult_t ncclRecv(void* array, std::size_t count, ncclDataType_t type, int from,
                      ncclComm_t communicator, cudaStream_t stream) {
  return ask("ncclRecv", [&] {
    const std::shared_ptr<Communicator> found = find_ready(communicator);
    check_message(array, count, type, from, *found);
    keep_to_one_stream(*found, stream);
    messages_of(found).receives.push_back({from, {static_cast<std::byte*>(array), count}});
  });
}
