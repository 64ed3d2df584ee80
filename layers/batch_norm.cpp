#include "ranvier/layers/batch_norm.h"

#include "ranvier/layers/init.h"
#include "ranvier/layers/shard_context.h"

namespace ranvier {

BatchNorm::BatchNorm(BatchNormLayerOptions o) : options(o) {
  RV_CHECK(o.features >= 1, "[BatchNorm] features must be >= 1; got {}.", o.features);
  gamma = init_constant({o.features}, 1);
  beta = init_constant({o.features}, 0);
  running = {full({o.features}, 0), full({o.features}, 1)};
}

BatchNormOptions BatchNorm::op_options() const {
  BatchNormOptions now{
      .momentum = options.momentum, .eps = options.eps, .training = training, .mode = options.mode};
  // The steps of a static input are the same.
  if (input_is_static() && now.mode == BatchNormMode::step) now.mode = BatchNormMode::batch;
  now.ranks = shared_statistics(now.mode);
  return now;
}

Tensor BatchNorm::operator()(const Tensor& x) {
  return batch_norm(x, gamma, beta, running, op_options());
}

void BatchNorm::visit(Visitor& visitor) {
  visitor.parameter("gamma", gamma);
  visitor.parameter("beta", beta);
  visitor.buffer("running_mean", running.mean);
  visitor.buffer("running_variance", running.variance);
  visitor.training(training);
  visitor.batch_norm_mode(options.mode);
}

}  // namespace ranvier
