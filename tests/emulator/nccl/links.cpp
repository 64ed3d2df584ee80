#include "tests/emulator/nccl/links.h"

#include <utility>

namespace emulator::nccl {
namespace {

/// What fails ends the links.
template <class Body>
void try_for(Links& links, const Body& body) {
  try {
    body();
  } catch (const Failure& failure) {
    if (links.end(failure.result)) explain(fmt::format("rank {}", links.own().rank), failure.why);
  }
}

}  // namespace

void Links::connect(const std::string& name) {
  try_for(*this, [&] {
    Mesh mesh = connect_mesh(name, own_, alarm_);
    const std::lock_guard lock(mutex_);
    if (alarm_.is_raised()) return;
    mesh_ = std::move(mesh);
    state_ = ncclSuccess;
  });
}

void Links::exchange(const Messages& messages) {
  const std::lock_guard lock(one_group_);
  if (alarm_.is_raised()) return;
  try_for(*this, [&] { nccl::exchange(messages, own_.rank, mesh_, alarm_); });
}

bool Links::end(ncclResult_t reason) {
  const std::lock_guard lock(mutex_);
  if (alarm_.is_raised()) return false;
  state_ = reason;
  alarm_.raise();
  for (const File& socket : mesh_)
    if (socket.is_open()) hang_up(socket);
  return true;
}

}  // namespace emulator::nccl
