#include "apps/training/ranks.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

#include "ranvier/core/device.h"
#include "ranvier/distributed/mpi_transport.h"
#include "ranvier/distributed/nccl_transport.h"
#include "ranvier/distributed/self_transport.h"

namespace ranvier::apps {
namespace {

MeshShape mesh_shape(const TrainOptions& o, int ranks) {
  const int time = std::max(o.time_shards, 1);
  return {o.data_shards > 0 ? o.data_shards : ranks / time, time};
}

/// `hosts`, once all its ranks have been told the same of how they share the work: one that refuses
/// its own share would leave the others waiting.
std::unique_ptr<Transport> agreed(std::unique_ptr<Transport> hosts, const TrainOptions& o) {
  const auto text = [](int value) { return fmt::format("{}", value); };
  const MeshShape shape = mesh_shape(o, hosts->size());
  require_agreement(Group::all(*hosts), {{"--time-shards", text(shape.time)},
                                         {"--data-shards", text(shape.data)},
                                         {"--transport", o.transport}});
  RV_CHECK(o.data_shards > 0 || hosts->size() % shape.time == 0,
           "--time-shards {} does not divide the {} ranks that were started; mpirun -np takes a "
           "multiple of it.",
           shape.time, hosts->size());
  return hosts;
}

/// This rank's number among those of its machine, as launchers tell it.
std::optional<int> number_on_machine() {
  for (const char* name : {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"}) {
    const char* const text = std::getenv(name);
    int number = 0;
    if (text && std::from_chars(text, text + std::strlen(text), number).ec == std::errc())
      return number;
  }
  return std::nullopt;
}

}  // namespace

Ranks::Ranks(std::unique_ptr<Transport> transport, const TrainOptions& options)
    : hosts_(agreed(std::move(transport), options)),
      devices_(options.transport == "nccl" ? open_nccl(*hosts_, parse_device(options.device))
                                           : nullptr),
      mesh_(devices_ ? *devices_ : *hosts_, mesh_shape(options, hosts_->size())),
      accumulate_(options.accumulate) {}

std::optional<Slice> Ranks::steps(std::int64_t total) const {
  if (alone()) return std::nullopt;
  return Slice::of(total, mesh_.time_index(), mesh_.shape().time);
}

bool Ranks::any(bool here) const {
  if (alone()) return here;
  Tensor count = full({1}, here ? 1 : 0, {.dtype = DType::i64});
  all_reduce(mesh_.all(), count);
  return count.item() > 0;
}

void Ranks::in_turns(const std::function<void()>& make) const {
  const bool first = leads() || number_on_machine() == 0;
  if (first) make();
  barrier(mesh_.all());
  if (!first) make();
}

void Ranks::check() const {
  const std::string trouble = mesh_.transport().trouble();
  if (!trouble.empty()) fail(ErrorCode::communication, "[transport] {}", trouble);
}

std::string Ranks::describe() const {
  const std::string details = mesh_.transport().details();
  return fmt::format("{} ranks over {}{}: {} data x {} time shards", mesh_.all().size(),
                     mesh_.transport().kind(), details.empty() ? "" : " (" + details + ")",
                     mesh_.shape().data, mesh_.shape().time);
}

std::unique_ptr<Transport> open_transport(const TrainOptions& options) {
  const std::string& name = options.transport;
  const bool mpi = name == "mpi" || name == "nccl" || (name == "auto" && launched_by_mpi());
  return mpi ? open_mpi({.patience = options.patience}) : open_self();
}

std::string device_of_rank(const std::string& device) {
  const std::optional<int> number = number_on_machine();
  if (device != "cuda" || !number) return device;
  const int count = cuda_device_count();
  if (count > 0 && *number >= count)
    fail(ErrorCode::device,
         "this machine has {} GPU(s), but rank number {} of it was started; start no more ranks "
         "than GPUs on each machine, or name one for all by --device cuda:0.",
         count, *number + 1);
  return fmt::format("cuda:{}", *number);
}

}  // namespace ranvier::apps
