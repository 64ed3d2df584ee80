#include "ranvier/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "ranvier/core/error.h"
#include "ranvier/optim/detail/named.h"

namespace ranvier {
namespace {

void check_lr(double lr) {
  RV_CHECK(std::isfinite(lr) && lr >= 0, "[schedule] lr must be >= 0 and finite; got {}.", lr);
}

void check_gamma(double gamma) {
  RV_CHECK(std::isfinite(gamma) && gamma > 0, "[schedule] gamma must be > 0 and finite; got {}.",
           gamma);
}

/// From `first` at progress 0 to `last` at progress 1 along half a cosine.
double anneal(double first, double last, double progress) {
  return last + (first - last) * (1 + std::cos(std::numbers::pi * progress)) / 2;
}

using Make = Schedule (*)(double lr, std::int64_t length);
const optim::Named<Make> known[] = {
    {"constant", [](double lr, std::int64_t) { return constant_schedule(lr); }},
    {"step",
     [](double lr, std::int64_t length) { return step_schedule(lr, {.every = (length + 2) / 3}); }},
    {"multistep",
     [](double lr, std::int64_t length) {
       return multi_step_schedule(lr, {.milestones = {(length + 1) / 2, length - length / 4}});
     }},
    {"cosine",
     [](double lr, std::int64_t length) { return cosine_schedule(lr, {.length = length}); }},
    {"onecycle",
     [](double lr, std::int64_t length) { return one_cycle_schedule(lr, {.length = length}); }},
};

}  // namespace

Schedule constant_schedule(double lr) {
  check_lr(lr);
  return [lr](std::int64_t) { return lr; };
}

Schedule step_schedule(double lr, const StepScheduleOptions& options) {
  check_lr(lr);
  check_gamma(options.gamma);
  RV_CHECK(options.every >= 1, "[schedule] every must be >= 1; got {}.", options.every);
  return [lr, options](std::int64_t step) {
    return lr * std::pow(options.gamma, static_cast<double>(step / options.every));
  };
}

Schedule multi_step_schedule(double lr, MultiStepScheduleOptions options) {
  check_lr(lr);
  check_gamma(options.gamma);
  const auto& milestones = options.milestones;
  const auto unsorted = std::is_sorted_until(milestones.begin(), milestones.end());
  if (unsorted != milestones.end())
    fail(ErrorCode::invalid_argument, "[schedule] milestones must increase; got {} after {}.",
         unsorted[0], unsorted[-1]);
  return [lr, options = std::move(options)](std::int64_t step) {
    const auto reached =
        std::upper_bound(options.milestones.begin(), options.milestones.end(), step) -
        options.milestones.begin();
    return lr * std::pow(options.gamma, static_cast<double>(reached));
  };
}

Schedule cosine_schedule(double lr, const CosineScheduleOptions& options) {
  check_lr(lr);
  RV_CHECK(options.length >= 1, "[schedule] cosine needs a length >= 1; got {}.", options.length);
  RV_CHECK(options.lowest >= 0 && options.lowest <= lr,
           "[schedule] lowest must be in [0, lr = {}]; got {}.", lr, options.lowest);
  return [lr, options](std::int64_t step) {
    const auto done = static_cast<double>(std::min(step, options.length));
    return anneal(lr, options.lowest, done / static_cast<double>(options.length));
  };
}

Schedule one_cycle_schedule(double peak, const OneCycleScheduleOptions& options) {
  check_lr(peak);
  RV_CHECK(options.length >= 2, "[schedule] onecycle needs a length >= 2; got {}.", options.length);
  RV_CHECK(options.rise > 0 && options.rise < 1, "[schedule] rise must be in (0, 1); got {}.",
           options.rise);
  RV_CHECK(options.first_factor >= 1 && options.last_factor >= 1,
           "[schedule] first_factor and last_factor must be >= 1; got {} and {}.",
           options.first_factor, options.last_factor);
  const double first = peak / options.first_factor, last = first / options.last_factor;
  const auto length = static_cast<double>(options.length);
  const double top = options.rise * length - 1, end = length - 1;
  return [=](std::int64_t step) {
    const double at = std::min(static_cast<double>(step), end);
    if (top > 0 && at <= top) return anneal(first, peak, at / top);
    return anneal(peak, last, (at - top) / (end - top));
  };
}

Schedule with_warmup(Schedule schedule, const WarmupOptions& options) {
  RV_CHECK(options.length >= 0, "[schedule] warm-up needs a length >= 0; got {}.", options.length);
  RV_CHECK(options.start > 0 && options.start <= 1,
           "[schedule] warm-up must start in (0, 1]; got {}.", options.start);
  if (options.length == 0) return schedule;
  return [schedule = std::move(schedule), options](std::int64_t step) {
    if (step >= options.length) return schedule(step - options.length);
    const double progress = static_cast<double>(step) / static_cast<double>(options.length);
    return schedule(0) * (options.start + (1 - options.start) * progress);
  };
}

Schedule make_schedule(std::string_view name, const ScheduleOptions& options) {
  RV_CHECK(options.warmup >= 0 && options.warmup < options.length,
           "[schedule] warm-up must be in [0, length = {}) steps; got {}.", options.length,
           options.warmup);
  const Make make = optim::find_named("schedule", known, name);
  return with_warmup(make(options.lr, options.length - options.warmup), {.length = options.warmup});
}

std::vector<std::string> schedule_names() { return optim::names_of(known); }

}  // namespace ranvier
