#include "apps/plan/meter.h"

#include <algorithm>

#include "apps/bench/benchmark.h"
#include "ranvier/core/random.h"
#include "ranvier/layers/shard_context.h"
#include "ranvier/optim/optimizer.h"

namespace ranvier::apps {
namespace {

std::int64_t largest(std::int64_t total, int parts) { return Slice::of(total, 0, parts).length(); }

}  // namespace

OptimizerOptions plan_optimizer_options(const std::string& name) {
  return {.lr = 0, .momentum = name == "sgd" ? 0.9 : 0.0};
}

void profile_optimizer(NetworkProfile& profile, const NamedTensors& weights,
                       const std::string& name, const OptimizerOptions& options, int runs) {
  NamedTensors copies;
  for (const auto& [path, weight] : weights) {
    copies.push_back({path, clone(weight).set_requires_grad(true)});
    copies.back().tensor.set_grad(zeros_like(weight));
  }
  const auto optimizer = make_optimizer(name, copies, options);
  const Device device = weights.front().tensor.device();
  profile.update = measure(
                       "update", runs, [&] { optimizer->step(); }, device)
                       .median_ms /
                   1000;
  profile.optimizer_bytes = 0;
  for (const auto& [path, tensor] : optimizer->state()) profile.optimizer_bytes += tensor.nbytes();
}

const NetworkProfile& PlanMeter::measured(MeshShape mesh, std::int64_t part_steps,
                                          std::int64_t part_batch) {
  const auto [place, fresh] = measured_.try_emplace({mesh.data, mesh.time, part_steps, part_batch});
  if (!fresh) return place->second;
  seed(0);
  PlanModel model =
      plan_model(options_.model,
                 {.steps = part_steps, .batch = part_batch, .all_steps = part_steps * mesh.time});
  set_batch_norm_mode(model.network, options_.norm);
  move_to(model.network, options_.device);
  place->second = profile_network(model.network, model.input.to(options_.device),
                                  {.loss = model.loss,
                                   .mesh = mesh,
                                   .state_pieces = options_.state_pieces,
                                   .runs = options_.runs});
  profile_optimizer(place->second, parameters(model.network), model.optimizer,
                    plan_optimizer_options(model.optimizer), options_.runs);
  return place->second;
}

NetworkProfile PlanMeter::profile(MeshShape mesh, std::int64_t steps, std::int64_t batch) {
  const std::int64_t part = largest(steps, mesh.time);
  if (part > options_.most_steps) return reckoned(mesh, steps, batch);
  return measured(mesh, part, largest(batch, mesh.data));
}

NetworkProfile PlanMeter::reckoned(MeshShape mesh, std::int64_t steps, std::int64_t batch) {
  has_reckoned_ = true;
  const std::int64_t many = std::max<std::int64_t>(2, options_.most_steps);
  const std::int64_t few = std::max<std::int64_t>(1, many / 8), part = largest(batch, mesh.data);
  return at_steps(measured(mesh, few, part), measured(mesh, many, part), largest(steps, mesh.time));
}

}  // namespace ranvier::apps
