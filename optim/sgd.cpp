#include "ranvier/optim/sgd.h"

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

Sgd::Sgd(NamedTensors parameters, const SgdOptions& options, const ParameterGroups& groups)
    : Optimizer("sgd", rule_of(options), std::move(parameters), {options.lr, options.weight_decay},
                groups, slots_of(options)),
      options_(options) {
  RV_CHECK(options.momentum >= 0 && options.momentum < 1,
           "[sgd] momentum must be in [0, 1); got {}.", options.momentum);
  RV_CHECK(!options.nesterov || options.momentum > 0,
           "[sgd] nesterov needs a momentum > 0; got {}.", options.momentum);
}

void Sgd::write_factors(std::int64_t, const Rates& rates, float* factors) const {
  const optim::SgdFactors values{.lr = static_cast<float>(rates.lr),
                                 .momentum = static_cast<float>(options_.momentum),
                                 .weight_decay = static_cast<float>(rates.weight_decay)};
  std::memcpy(factors, &values, sizeof(values));
}

}  // namespace ranvier
