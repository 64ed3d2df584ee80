#include "ranvier/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "ranvier/core/activity.h"
#include "ranvier/core/rounded_copy.h"
#include "ranvier/optim/adam.h"
#include "ranvier/optim/detail/distinct.h"
#include "ranvier/optim/detail/named.h"
#include "ranvier/optim/detail/parameter_rates.h"
#include "ranvier/optim/detail/update.h"
#include "ranvier/optim/sgd.h"

namespace ranvier {
namespace {

void check_parameters(const char* op, const NamedTensors& parameters) {
  RV_CHECK(!parameters.empty(), "[{}] needs at least one parameter.", op);
  std::unordered_set<std::string_view> names;
  for (const auto& [name, tensor] : parameters) {
    RV_CHECK(tensor.dtype() == DType::f32, "[{}] parameters must be f32; '{}' is {}.", op, name,
             tensor.dtype());
    RV_CHECK(tensor.device() == parameters[0].tensor.device(),
             "[{}] parameters must be on one device; '{}' is on {} and '{}' on {}.", op,
             parameters[0].name, parameters[0].tensor.device(), name, tensor.device());
    RV_CHECK(names.insert(name).second, "[{}] two parameters are called '{}'.", op, name);
    RV_CHECK(tensor.is_leaf(),
             "[{}] '{}' is the result of an operation, which has no gradient of its own; what is "
             "learned must be a leaf, as detach makes one.",
             op, name);
  }
}

using Make = std::unique_ptr<Optimizer> (*)(NamedTensors, const OptimizerOptions&,
                                            const ParameterGroups&);

template <WeightDecay decay>
std::unique_ptr<Optimizer> make_adam(NamedTensors parameters, const OptimizerOptions& o,
                                     const ParameterGroups& groups) {
  return std::make_unique<Adam>(
      std::move(parameters),
      AdamOptions{.lr = o.lr, .weight_decay = o.weight_decay, .decay = decay}, groups);
}

std::unique_ptr<Optimizer> make_sgd(NamedTensors parameters, const OptimizerOptions& o,
                                    const ParameterGroups& groups) {
  return std::make_unique<Sgd>(std::move(parameters),
                               SgdOptions{.lr = o.lr,
                                          .momentum = o.momentum,
                                          .weight_decay = o.weight_decay,
                                          .nesterov = o.nesterov},
                               groups);
}

constexpr optim::Named<Make> known[] = {{"sgd", make_sgd},
                                        {"adam", make_adam<WeightDecay::gradient>},
                                        {"adamw", make_adam<WeightDecay::decoupled>}};

}  // namespace

Optimizer::Optimizer(const char* op, optim::Rule rule, NamedTensors parameters, const Rates& rates,
                     const ParameterGroups& groups, const std::vector<const char*>& slots)
    : op_(op), rule_(rule) {
  const OperationScope operation(op);
  check_parameters(op, parameters);
  set_lr(rates.lr);
  parameters_ = optim::distinct(std::move(parameters));
  rates_ = optim::rates_of(op, parameters_, rates.weight_decay, groups);
  RV_ASSERT(slots.size() <= optim::max_slots, "[{}] {} slots", op, slots.size());
  for (const char* slot : slots) {
    NamedTensors& tensors = slots_.emplace_back();
    for (const auto& [name, tensor] : parameters_)
      tensors.push_back({fmt::format("{}.{}", name, slot), zeros_like(tensor)});
  }
  const auto number = static_cast<std::int64_t>(parameters_.size());
  steps_ = zeros({number}, {.dtype = DType::i64});
  factors_ = zeros({number, optim::factor_count(rule)});
  device_factors_ = factors_.to(parameters_[0].tensor.device());
  updates_.reserve(parameters_.size());
}

Optimizer::~Optimizer() = default;

void Optimizer::set_lr(double lr) {
  RV_CHECK(std::isfinite(lr) && lr >= 0, "[{}] lr must be >= 0 and finite; got {}.", op_, lr);
  lr_ = lr;
}

void Optimizer::set_loss_scale(LossScale scale) {
  RV_CHECK(scale.state().device() == device_factors_.device(),
           "[{}] the loss scale must be on {} as the parameters are; got {}.", op_,
           device_factors_.device(), scale.state().device());
  scale_ = std::move(scale);
}

void Optimizer::step() {
  prepare_step();
  launch_step();
}

void Optimizer::prepare_step() {
  auto* steps = steps_.mutable_data<std::int64_t>();
  auto* factors = factors_.mutable_data<float>();
  for (std::size_t i = 0; i < parameters_.size(); ++i, factors += factors_.size(1)) {
    if (parameters_[i].tensor.grad().defined()) ++steps[i];
    const auto& [lr_factor, weight_decay] = rates_[i];
    write_factors(std::max<std::int64_t>(steps[i], 1), {lr_factor * lr_, weight_decay}, factors);
  }
  if (!device_factors_.is_same(factors_)) copy_into(device_factors_, factors_);
}

void Optimizer::launch_step() {
  const auto array = [](Tensor& tensor) {
    return reinterpret_cast<float*>(tensor.mutable_raw_data());
  };
  updates_.clear();
  gradients_.clear();
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Tensor& tensor = parameters_[i].tensor;
    const Tensor& grad = tensor.grad();
    if (!grad.defined()) continue;
    if (scale_) gradients_.push_back(grad);
    const bool on_host = tensor.device() == cpu_device;
    Tensor rounded = on_host ? Tensor() : detail::kept_copy(tensor);
    optim::Update& update = updates_.emplace_back(
        optim::Update{.parameter = array(tensor),
                      .grad = reinterpret_cast<const float*>(grad.raw_data()),
                      .slots = {},
                      .count = tensor.numel(),
                      .row = static_cast<std::int32_t>(i),
                      .rounded_dtype = rounded.defined() ? rounded.dtype() : DType::f32,
                      .rounded = rounded.defined() ? rounded.mutable_raw_data() : nullptr});
    for (std::size_t slot = 0; slot < slots_.size(); ++slot)
      update.slots[slot] = array(slots_[slot][i].tensor);
    if (!on_host) detail::mark_written(tensor, rounded.defined());
  }
  if (scale_) scale_->look_at(gradients_);
  kernel_for(op_, device_factors_.device(), optim::update_kernels)(
      op_, rule_, updates_, device_factors_, scale_ ? scale_->state() : Tensor());
  if (scale_) scale_->adapt();
  gradients_.clear();
}

NamedTensors Optimizer::state() const {
  NamedTensors all;
  for (const NamedTensors& slot : slots_) all.insert(all.end(), slot.begin(), slot.end());
  all.push_back({"steps", steps_});
  if (scale_) all.push_back({"loss_scale", scale_->state()});
  return all;
}

std::unique_ptr<Optimizer> make_optimizer(std::string_view name, NamedTensors parameters,
                                          const OptimizerOptions& options,
                                          const ParameterGroups& groups) {
  return optim::find_named("optimizer", known, name)(std::move(parameters), options, groups);
}

std::vector<std::string> optimizer_names() { return optim::names_of(known); }

}  // namespace ranvier
