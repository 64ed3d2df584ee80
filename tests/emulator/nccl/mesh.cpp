#include "tests/emulator/nccl/mesh.h"

#include <chrono>
#include <span>
#include <thread>

#include "tests/emulator/nccl/failure.h"

namespace emulator::nccl {
namespace {

std::string name_of_rank(const std::string& name, int rank) {
  return fmt::format("{}-{}", name, rank);
}

/// The other rank may not be there yet.
File connect_patiently(const std::string& name, const Alarm& alarm) {
  while (true) {
    if (File socket = connect_to(name); socket.is_open()) return socket;
    alarm.check();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void introduce(const Introduction& own, const File& to, const Alarm& alarm) {
  send_all(to, std::as_bytes(std::span(&own, 1)), alarm);
}

Introduction get_to_know(const File& other, const Introduction& own, const Alarm& alarm) {
  Introduction got{};
  receive_all(other, std::as_writable_bytes(std::span(&got, 1)), alarm);
  if (got.ranks != own.ranks)
    fail(ncclInvalidArgument, "rank {} is one of {} ranks and rank {} one of {}", own.rank,
         own.ranks, got.rank, got.ranks);
  return got;
}

/// On all ranks, of which none can go on.
void check_devices(const std::vector<Introduction>& all) {
  for (const Introduction& one : all)
    for (const Introduction& other : all)
      if (one.rank < other.rank && one.device == other.device)
        fail(ncclInvalidUsage, "ranks {} (process {}) and {} (process {}) have the same GPU, {}",
             one.rank, one.process, other.rank, other.process, one.device);
}

}  // namespace

// Each rank asks those below it, whose listeners keep that until they accept, and introduces itself
// before it waits for anyone: so no rank waits for one that waits for it.
Mesh connect_mesh(const std::string& name, const Introduction& own, const Alarm& alarm) {
  const File listener = listen_at(name_of_rank(name, own.rank));
  Mesh mesh(static_cast<std::size_t>(own.ranks));
  for (int below = 0; below < own.rank; ++below) {
    File& socket = mesh[static_cast<std::size_t>(below)];
    socket = connect_patiently(name_of_rank(name, below), alarm);
    introduce(own, socket, alarm);
  }
  std::vector<Introduction> all{own};
  for (int above = own.rank + 1; above < own.ranks; ++above) {
    File socket = accept_one(listener, alarm);
    introduce(own, socket, alarm);
    all.push_back(get_to_know(socket, own, alarm));
    mesh[static_cast<std::size_t>(all.back().rank)] = std::move(socket);
  }
  for (int below = 0; below < own.rank; ++below)
    all.push_back(get_to_know(mesh[static_cast<std::size_t>(below)], own, alarm));
  check_devices(all);
  return mesh;
}

}  // namespace emulator::nccl
