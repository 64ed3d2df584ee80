// Measures what a plan needs to know of a network on this machine.
#pragma once

#include <map>
#include <utility>

#include "apps/support/plan_models.h"
#include "ranvier/core/device.h"
#include "ranvier/distributed/profile.h"
#include "ranvier/ops/norm/batch_norm.h"

namespace ranvier::apps {

struct PlanMeterOptions {
  PlanModelOptions model{};
  BatchNormMode norm = BatchNormMode::batch;
  Device device = cpu_device;
  int runs = 3;
  std::int64_t most_steps = 64;  ///< longer sequences are not run but reckoned from shorter ones
};

/// Profiles of one network for slices of different sizes.
class PlanMeter {
 public:
  explicit PlanMeter(PlanMeterOptions options) : options_(std::move(options)) {}

  /// Of a slice of `steps` steps and `batch` samples: measured as it is, or, with more than
  /// `most_steps` steps, on the line through what that many and an eighth of them take.
  NetworkProfile profile(std::int64_t steps, std::int64_t batch);
  /// As above, but always on the line.
  NetworkProfile reckoned(std::int64_t steps, std::int64_t batch);

  /// Whether a profile was reckoned so far.
  bool has_reckoned() const { return has_reckoned_; }
  const PlanMeterOptions& options() const { return options_; }

 private:
  const NetworkProfile& measured(std::int64_t steps, std::int64_t batch);

  PlanMeterOptions options_;
  std::map<std::pair<std::int64_t, std::int64_t>, NetworkProfile> measured_;
  bool has_reckoned_ = false;
};

/// Completes `profile` with what one step of the optimizer called `name` takes and keeps, measured
/// with gradients of zero on `network`, whose weights it leaves as they are.
void profile_optimizer(NetworkProfile& profile, Sequential& network, const std::string& name,
                       int runs);

}  // namespace ranvier::apps
