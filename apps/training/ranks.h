// The ranks that share a training run: one, unless mpirun or SLURM started several.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "apps/tasks/train_options.h"
#include "ranvier/data/loader.h"
#include "ranvier/distributed/agreement.h"
#include "ranvier/distributed/mesh.h"

namespace ranvier::apps {

/// This process's place among the ranks. The first rank speaks for all and writes the files; what
/// goes wrong is told by the rank it happens to.
class Ranks {
 public:
  /// Ranks over `transport`, as `--time-shards` and `--data-shards` say, and over NCCL on top of it
  /// with `--transport nccl`. Errors: ranks that were told different numbers, or such that do not
  /// multiply to the ranks that were started; those of `open_nccl`.
  Ranks(std::unique_ptr<Transport> transport, const TrainOptions& options);

  bool alone() const { return mesh_.all().size() == 1; }
  /// Whether this is the one that writes.
  bool leads() const { return mesh_.all().index() == 0; }
  const Mesh& mesh() const { return mesh_; }
  /// This rank's part of each batch, which its time row shares.
  BatchPart batch_part() const { return {mesh_.data_index(), mesh_.shape().data, accumulate_}; }
  /// This rank's part of sequences of `total` steps, or nothing if it is alone: then a batch has as
  /// many steps as its longest sequence.
  std::optional<Slice> steps(std::int64_t total) const;

  /// Whether what ranks tell each other in a step can be part of a recording.
  bool recordable() const { return alone() || mesh_.transport().recordable(); }

  /// True on all ranks if it is on one.
  bool any(bool here) const;
  /// Numbers that belong to different samples, added up over the ranks that have them.
  void add_up_samples(Tensor& sums) const { all_reduce(mesh_.data_column(), sums); }

  /// Calls `make` on one rank of every machine, and when those have returned on the others: what
  /// the first one leaves in files is there for them.
  void in_turns(const std::function<void()>& make) const;

  /// "4 ranks over mpi: 2 data x 2 time shards"
  std::string describe() const;
  /// Error (communication): a rank was lost or gave up. What a device was to receive from it has
  /// not come, and what it computed since is worth nothing, numbers that are not finite among it.
  void check() const;
  /// Tells the others that this one gives up.
  void abort(const std::string& reason) const { mesh_.transport().abort(reason); }

 private:
  std::unique_ptr<Transport> hosts_, devices_;  // devices_: null unless GPUs talk to each other
  Mesh mesh_;
  std::int64_t accumulate_;
};

/// Opens the transport between processes that `--transport` needs. Errors: those of the transport.
std::unique_ptr<Transport> open_transport(const TrainOptions& options);

/// "cuda" of several ranks as the one this rank has: its number on the machine. Error: there are
/// more ranks than GPUs.
std::string device_of_rank(const std::string& device);

}  // namespace ranvier::apps
