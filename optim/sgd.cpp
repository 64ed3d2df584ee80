#include "ranvier/optim/sgd.h"

#include <cmath>
#include <cstring>

#include "ranvier/optim/detail/update.h"

namespace ranvier {
namespace {

std::vector<const char*> slots_of(const SgdOptions& options) {
  if (options.momentum == 0) return {};
  return {"momentum"};
}

optim::Rule rule_of(const SgdOptions& options) {
  if (options.momentum == 0) return optim::Rule::sgd;
  return options.nesterov ? optim::Rule::sgd_nesterov : optim::Rule::sgd_momentum;
}

}  // namespace

Sgd::Sgd(NamedTensors parameters, const SgdOptions& options)
    : Optimizer("sgd", rule_of(options), std::move(parameters), options.lr, slots_of(options)),
      options_(options) {
  RV_CHECK(options.momentum >= 0 && options.momentum < 1,
           "[sgd] momentum must be in [0, 1); got {}.", options.momentum);
  RV_CHECK(std::isfinite(options.weight_decay) && options.weight_decay >= 0,
           "[sgd] weight_decay must be >= 0 and finite; got {}.", options.weight_decay);
  RV_CHECK(!options.nesterov || options.momentum > 0,
           "[sgd] nesterov needs a momentum > 0; got {}.", options.momentum);
}

void Sgd::write_factors(std::int64_t, float* factors) const {
  const optim::SgdFactors values{.lr = static_cast<float>(lr()),
                                 .momentum = static_cast<float>(options_.momentum),
                                 .weight_decay = static_cast<float>(options_.weight_decay)};
  std::memcpy(factors, &values, sizeof(values));
}

}  // namespace ranvier
