#include "ranvier/optim/loss_scale.h"

#include <cmath>

#include "ranvier/optim/detail/loss_scale_kernels.h"

namespace ranvier {

namespace optim {
constinit DeviceKernels<ScaledSeedKernel> scaled_seed_kernels{};
constinit DeviceKernels<FindOverflowKernel> find_overflow_kernels{};
constinit DeviceKernels<AdaptScaleKernel> adapt_scale_kernels{};
}  // namespace optim

namespace {

bool is_power_of_two(double value) {
  int exponent = 0;
  return value > 0 && std::isfinite(value) && std::frexp(value, &exponent) == 0.5;
}

void check(const LossScaleOptions& o) {
  RV_CHECK(is_power_of_two(o.initial) && is_power_of_two(o.growth) && is_power_of_two(o.backoff) &&
               o.growth >= 1 && o.backoff <= 1,
           "[loss_scale] initial, growth >= 1 and backoff <= 1 must be powers of two; got {}, {} "
           "and {}.",
           o.initial, o.growth, o.backoff);
  RV_CHECK(o.interval >= 1, "[loss_scale] interval must be >= 1; got {}.", o.interval);
}

}  // namespace

LossScale::LossScale(Device device, const LossScaleOptions& options) : options_(options) {
  check(options);
  RV_CHECK(device.type == DeviceType::cuda,
           "[loss_scale] f16 products, and so scales of their loss, are of CUDA devices; got {}.",
           device);
  const auto initial = static_cast<float>(options.initial);
  state_ = from_vector<float>({initial, 1 / initial, 0, 0}, {optim::scale_numbers}).to(device);
}

Tensor LossScale::seed(double share) const {
  Tensor seed = empty({}, {.device = state_.device()});
  kernel_for("loss_scale", state_.device(), optim::scaled_seed_kernels)(
      state_, static_cast<float>(share), seed);
  return seed;
}

void LossScale::look_at(std::span<const Tensor> gradients) {
  kernel_for("loss_scale", state_.device(), optim::find_overflow_kernels)(gradients, state_);
}

void LossScale::adapt() {
  const optim::ScaleRules rules{static_cast<float>(options_.growth),
                                static_cast<float>(options_.backoff),
                                static_cast<float>(options_.interval)};
  kernel_for("loss_scale", state_.device(), optim::adapt_scale_kernels)(rules, state_);
}

double LossScale::factor() const { return to_vector(state_).front(); }

}  // namespace ranvier
