#include "ranvier/optim/optimizer.h"

#include <cmath>
#include <unordered_set>

#include "ranvier/optim/adam.h"
#include "ranvier/optim/detail/distinct.h"
#include "ranvier/optim/detail/named.h"
#include "ranvier/optim/sgd.h"

namespace ranvier {
namespace {

void check_parameters(const char* op, const NamedTensors& parameters) {
  RV_CHECK(!parameters.empty(), "[{}] needs at least one parameter.", op);
  std::unordered_set<std::string_view> names;
  for (const auto& [name, tensor] : parameters) {
    RV_CHECK(tensor.dtype() == DType::f32, "[{}] parameters must be f32; '{}' is {}.", op, name,
             tensor.dtype());
    RV_CHECK(names.insert(name).second, "[{}] two parameters are called '{}'.", op, name);
  }
}

using Make = std::unique_ptr<Optimizer> (*)(NamedTensors, const OptimizerOptions&);

template <WeightDecay decay>
std::unique_ptr<Optimizer> make_adam(NamedTensors parameters, const OptimizerOptions& o) {
  return std::make_unique<Adam>(
      std::move(parameters),
      AdamOptions{.lr = o.lr, .weight_decay = o.weight_decay, .decay = decay});
}

std::unique_ptr<Optimizer> make_sgd(NamedTensors parameters, const OptimizerOptions& o) {
  return std::make_unique<Sgd>(std::move(parameters), SgdOptions{.lr = o.lr,
                                                                 .momentum = o.momentum,
                                                                 .weight_decay = o.weight_decay,
                                                                 .nesterov = o.nesterov});
}

constexpr optim::Named<Make> known[] = {{"sgd", make_sgd},
                                        {"adam", make_adam<WeightDecay::gradient>},
                                        {"adamw", make_adam<WeightDecay::decoupled>}};

}  // namespace

Optimizer::Optimizer(const char* op, NamedTensors parameters, double lr,
                     const std::vector<const char*>& slots)
    : op_(op) {
  check_parameters(op, parameters);
  set_lr(lr);
  parameters_ = optim::distinct(std::move(parameters));
  RV_ASSERT(slots.size() <= max_slots, "[{}] {} slots", op, slots.size());
  for (const char* slot : slots) {
    NamedTensors& tensors = slots_.emplace_back();
    for (const auto& [name, tensor] : parameters_)
      tensors.push_back({fmt::format("{}.{}", name, slot), zeros_like(tensor)});
  }
  steps_ = zeros({static_cast<std::int64_t>(parameters_.size())}, {.dtype = DType::i64});
}

void Optimizer::set_lr(double lr) {
  RV_CHECK(std::isfinite(lr) && lr >= 0, "[{}] lr must be >= 0 and finite; got {}.", op_, lr);
  lr_ = lr;
}

void Optimizer::step() {
  auto* steps = steps_.mutable_data<std::int64_t>();
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    auto& [name, tensor] = parameters_[i];
    const Tensor& grad = tensor.grad();
    if (!grad.defined()) continue;
    RV_CHECK(grad.dtype() == DType::f32, "[{}] gradients must be f32; that of '{}' is {}.", op_,
             name, grad.dtype());
    Update parts{tensor.mutable_data<float>(), grad.data<float>(), {}, tensor.numel(), ++steps[i]};
    for (std::size_t slot = 0; slot < slots_.size(); ++slot)
      parts.slots[slot] = slots_[slot][i].tensor.mutable_data<float>();
    update(parts);
  }
}

NamedTensors Optimizer::state() const {
  NamedTensors all;
  for (const NamedTensors& slot : slots_) all.insert(all.end(), slot.begin(), slot.end());
  all.push_back({"steps", steps_});
  return all;
}

std::unique_ptr<Optimizer> make_optimizer(std::string_view name, NamedTensors parameters,
                                          const OptimizerOptions& options) {
  return optim::find_named("optimizer", known, name)(std::move(parameters), options);
}

std::vector<std::string> optimizer_names() { return optim::names_of(known); }

}  // namespace ranvier
