#include "apps/support/plan_meter.h"

#include <algorithm>

#include "apps/support/benchmark.h"
#include "ranvier/core/random.h"
#include "ranvier/layers/batch_norm.h"
#include "ranvier/optim/optimizer.h"

namespace ranvier::apps {
namespace {

void set_norm(Sequential& network, BatchNormMode mode) {
  for (std::size_t i = 0; i < network.size(); ++i)
    if (BatchNorm* norm = network.module(i).as<BatchNorm>()) norm->options.mode = mode;
}

}  // namespace

void profile_optimizer(NetworkProfile& profile, Sequential& network, const std::string& name,
                       int runs) {
  const NamedTensors weights = parameters(network);
  for (auto [path, weight] : weights) weight.set_grad(zeros_like(weight));
  const auto optimizer = make_optimizer(name, weights, {.momentum = name == "sgd" ? 0.9 : 0.0});
  const Device device = weights.front().tensor.device();
  profile.update = measure(
                       "update", runs, [&] { optimizer->step(); }, device)
                       .median_ms /
                   1000;
  profile.optimizer_bytes = 0;
  for (const auto& [path, tensor] : optimizer->state()) profile.optimizer_bytes += tensor.nbytes();
  zero_grad(weights);
}

const NetworkProfile& PlanMeter::measured(std::int64_t steps, std::int64_t batch) {
  const auto [place, fresh] = measured_.try_emplace({steps, batch});
  if (!fresh) return place->second;
  seed(0);
  PlanModel model = plan_model(options_.model, steps, batch);
  set_norm(model.network, options_.norm);
  move_to(model.network, options_.device);
  place->second = profile_network(model.network, model.input.to(options_.device),
                                  {.loss = model.loss, .runs = options_.runs});
  profile_optimizer(place->second, model.network, model.optimizer, options_.runs);
  return place->second;
}

NetworkProfile PlanMeter::profile(std::int64_t steps, std::int64_t batch) {
  return steps <= options_.most_steps ? measured(steps, batch) : reckoned(steps, batch);
}

NetworkProfile PlanMeter::reckoned(std::int64_t steps, std::int64_t batch) {
  has_reckoned_ = true;
  const std::int64_t many = std::max<std::int64_t>(2, options_.most_steps);
  const std::int64_t few = std::max<std::int64_t>(1, many / 8);
  return at_steps(measured(few, batch), measured(many, batch), steps);
}

}  // namespace ranvier::apps
