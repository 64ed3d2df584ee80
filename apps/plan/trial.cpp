#include "apps/plan/trial.h"

#include <algorithm>
#include <chrono>

#include "ranvier/core/random.h"
#include "ranvier/distributed/sharded_network.h"

namespace ranvier::apps {

double measured_step(const PlanMeterOptions& options, const Mesh& mesh, std::int64_t steps,
                     std::int64_t batch) {
  using Clock = std::chrono::steady_clock;
  seed(0);
  const std::int64_t samples = Slice::of(batch, mesh.data_index(), mesh.shape().data).length();
  const std::int64_t own_steps = Slice::of(steps, mesh.time_index(), mesh.shape().time).length();
  PlanModel model =
      plan_model(options.model, {.steps = own_steps, .batch = samples, .all_steps = steps});
  set_batch_norm_mode(model.network, options.norm);
  move_to(model.network, options.device);
  const Tensor input = model.input.to(options.device);
  ShardedNetwork sharded(model.network, mesh,
                         {.speculate = options.speculate, .state_pieces = options.state_pieces});
  const auto optimizer = make_optimizer(model.optimizer, parameters(model.network),
                                        plan_optimizer_options(model.optimizer));
  Tensor seconds = zeros({options.runs}, {.dtype = DType::f64});
  for (int run = -1; run < options.runs; ++run) {
    barrier(mesh.all());
    const auto start = Clock::now();
    zero_grad(optimizer->parameters());
    sharded.backward(model.loss(sharded(input, {batch, steps})));
    optimizer->step();
    synchronize(options.device);
    if (run >= 0)
      seconds.mutable_data<double>()[run] =
          std::chrono::duration<double>(Clock::now() - start).count();
  }
  all_reduce(mesh.all(), seconds);
  double* const begin = seconds.mutable_data<double>();
  std::nth_element(begin, begin + options.runs / 2, begin + options.runs);
  return begin[options.runs / 2] / mesh.shape().ranks();
}

}  // namespace ranvier::apps
