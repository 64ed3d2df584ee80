// Measures what a plan needs to know of a network on this machine.
#pragma once

#include <array>
#include <map>
#include <string>
#include <utility>

#include "apps/plan/models.h"
#include "ranvier/core/device.h"
#include "ranvier/distributed/profile.h"
#include "ranvier/ops/norm/batch_norm.h"
#include "ranvier/optim/optimizer.h"

namespace ranvier::apps {

struct PlanMeterOptions {
  PlanModelOptions model{};
  BatchNormMode norm = BatchNormMode::batch;
  Device device = cpu_device;
  std::int64_t state_pieces = 0;  ///< as `ShardOptions::state_pieces`
  bool speculate = false;         ///< in steps that are really shared
  int runs = 3;
  std::int64_t most_steps = 64;  ///< longer sequences are not run but reckoned from shorter ones
};

/// Profiles of one network for parts of different sizes.
class PlanMeter {
 public:
  explicit PlanMeter(PlanMeterOptions options) : options_(std::move(options)) {}

  /// Of the largest part that a rank of `mesh` has of `steps` steps and `batch` samples: measured
  /// as it is, or, with more than `most_steps` steps, on the line through what that many and an
  /// eighth of them take.
  NetworkProfile profile(MeshShape mesh, std::int64_t steps, std::int64_t batch);
  /// As above, but always on the line.
  NetworkProfile reckoned(MeshShape mesh, std::int64_t steps, std::int64_t batch);

  /// Whether a profile was reckoned so far.
  bool has_reckoned() const { return has_reckoned_; }
  const PlanMeterOptions& options() const { return options_; }

 private:
  const NetworkProfile& measured(MeshShape mesh, std::int64_t part_steps, std::int64_t part_batch);

  PlanMeterOptions options_;
  std::map<std::array<std::int64_t, 4>, NetworkProfile> measured_;
  bool has_reckoned_ = false;
};

/// Options of the optimizer called `name` as plans use it: weights stay as they are, for with other
/// weights neurons spike more or less than when they were timed.
OptimizerOptions plan_optimizer_options(const std::string& name);

/// Completes `profile` with what a step of the optimizer called `name` takes and keeps: the median
/// of `runs` on copies of `weights` with gradients of zero.
void profile_optimizer(NetworkProfile& profile, const NamedTensors& weights,
                       const std::string& name, const OptimizerOptions& options, int runs = 3);

}  // namespace ranvier::apps
