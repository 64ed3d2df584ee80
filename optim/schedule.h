// Learning rates over a training run: pure functions, so a resumed run needs no state of theirs.
//
//   const Schedule schedule = make_schedule("cosine", {.lr = 0.1, .length = epochs * batches});
//   optimizer.set_lr(schedule(step));
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ranvier {

/// The learning rate of step `step`, counted from 0. Lengths below count steps as well; a caller
/// that changes the rate once per epoch counts both in epochs.
using Schedule = std::function<double(std::int64_t step)>;

/// `lr` throughout. Error here and below: an lr that is negative or not finite.
Schedule constant_schedule(double lr);

struct StepScheduleOptions {
  std::int64_t every;  ///< steps between two drops, >= 1
  double gamma = 0.1;  ///< factor of a drop, > 0
};
/// PyTorch's StepLR: lr gamma^floor(step / every).
Schedule step_schedule(double lr, const StepScheduleOptions& options);

struct MultiStepScheduleOptions {
  std::vector<std::int64_t> milestones;  ///< steps at which the rate drops, increasing
  double gamma = 0.1;                    ///< factor of a drop, > 0
};
/// PyTorch's MultiStepLR: lr gamma^(milestones reached).
Schedule multi_step_schedule(double lr, MultiStepScheduleOptions options);

struct CosineScheduleOptions {
  std::int64_t length;  ///< steps until the lowest rate, which then stays; >= 1
  double lowest = 0;    ///< in [0, lr]
};
/// PyTorch's CosineAnnealingLR: lowest + (lr - lowest) (1 + cos(pi step / length)) / 2.
Schedule cosine_schedule(double lr, const CosineScheduleOptions& options);

struct OneCycleScheduleOptions {
  std::int64_t length;       ///< steps in all, >= 2; after the last one the rate stays
  double rise = 0.3;         ///< share of the steps before the peak, in (0, 1)
  double first_factor = 25;  ///< peak / first rate, >= 1
  double last_factor = 1e4;  ///< first rate / last rate, >= 1
};
/// PyTorch's OneCycleLR with cosine annealing (Smith and Topin 2018): from peak / first_factor up
/// to `peak` at step rise * length - 1, and down to its last rate at step length - 1.
Schedule one_cycle_schedule(double peak, const OneCycleScheduleOptions& options);

struct WarmupOptions {
  std::int64_t length;    ///< steps, >= 0; 0 returns the schedule as it is
  double start = 1. / 3;  ///< factor of the first step, in (0, 1]
};
/// PyTorch's LinearLR followed by `schedule`: its first rate, times a factor that rises linearly
/// from `start` to 1, for `length` steps; then `schedule` from its beginning.
Schedule with_warmup(Schedule schedule, const WarmupOptions& options);

/// What the trainers' command lines say about a schedule.
struct ScheduleOptions {
  double lr;                ///< the highest rate
  std::int64_t length;      ///< steps of the whole run, warm-up included
  std::int64_t warmup = 0;  ///< steps of linear warm-up, less than `length`
};

/// The schedule called `name`, over the steps after warm-up: "constant"; "step": a tenth after
/// each third; "multistep": a tenth at the half and at three quarters (He et al. 2016); "cosine":
/// to 0; "onecycle". Errors: another name; options outside the above.
Schedule make_schedule(std::string_view name, const ScheduleOptions& options);

/// The names that `make_schedule` knows.
std::vector<std::string> schedule_names();

}  // namespace ranvier
