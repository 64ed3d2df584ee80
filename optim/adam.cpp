#include "ranvier/optim/adam.h"

#include <cmath>
#include <cstring>

#include "ranvier/optim/detail/update.h"

namespace ranvier {
namespace {

const char* op_of(const AdamOptions& options) {
  return options.decay == WeightDecay::decoupled ? "adamw" : "adam";
}

}  // namespace

Adam::Adam(NamedTensors parameters, const AdamOptions& options, const ParameterGroups& groups)
    : Optimizer(op_of(options), optim::Rule::adam, std::move(parameters),
                {options.lr, options.weight_decay}, groups, {"mean", "square"}),
      options_(options) {
  const char* op = op_of(options);
  const auto in_unit = [](double beta) { return beta >= 0 && beta < 1; };
  RV_CHECK(in_unit(options.beta1) && in_unit(options.beta2),
           "[{}] beta1 and beta2 must be in [0, 1); got {} and {}.", op, options.beta1,
           options.beta2);
  RV_CHECK(std::isfinite(options.eps) && options.eps >= 0,
           "[{}] eps must be >= 0 and finite; got {}.", op, options.eps);
}

void Adam::write_factors(std::int64_t step, const Rates& rates, float* factors) const {
  const AdamOptions& o = options_;
  const auto t = static_cast<double>(step);
  const bool decoupled = o.decay == WeightDecay::decoupled;
  const auto f = [](double value) { return static_cast<float>(value); };
  const optim::AdamFactors values{
      .beta1 = f(o.beta1),
      .new1 = f(1 - o.beta1),
      .beta2 = f(o.beta2),
      .new2 = f(1 - o.beta2),
      .weight_decay = f(decoupled ? 0 : rates.weight_decay),
      .shrink = f(decoupled ? 1 - rates.lr * rates.weight_decay : 1),
      .rate = f(rates.lr / (1 - std::pow(o.beta1, t))),
      .scale = f(1 / std::sqrt(1 - std::pow(o.beta2, t))),
      .eps = f(o.eps),
  };
  std::memcpy(factors, &values, sizeof(values));
}

}  // namespace ranvier
