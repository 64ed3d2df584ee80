#include "ranvier/optim/sgd.h"

#include <cmath>

#include "ranvier/core/parallel.h"
#include "ranvier/optim/detail/kernels.h"

namespace ranvier {
namespace {

std::vector<const char*> slots_of(const SgdOptions& options) {
  if (options.momentum == 0) return {};
  return {"momentum"};
}

}  // namespace

Sgd::Sgd(NamedTensors parameters, const SgdOptions& options)
    : Optimizer("sgd", std::move(parameters), options.lr, slots_of(options)), options_(options) {
  RV_CHECK(options.momentum >= 0 && options.momentum < 1,
           "[sgd] momentum must be in [0, 1); got {}.", options.momentum);
  RV_CHECK(std::isfinite(options.weight_decay) && options.weight_decay >= 0,
           "[sgd] weight_decay must be >= 0 and finite; got {}.", options.weight_decay);
  RV_CHECK(!options.nesterov || options.momentum > 0,
           "[sgd] nesterov needs a momentum > 0; got {}.", options.momentum);
}

void Sgd::update(const Update& u) {
  const optim::SgdFactors factors{.lr = static_cast<float>(lr()),
                                  .momentum = static_cast<float>(options_.momentum),
                                  .weight_decay = static_cast<float>(options_.weight_decay)};
  const optim::Kernels& kernels = optim::kernels();
  const auto with_momentum = options_.nesterov ? kernels.sgd_nesterov : kernels.sgd_momentum;
  parallel_for(0, u.count, optim::grain, [&](std::int64_t begin, std::int64_t end) {
    if (u.slots[0] == nullptr)
      kernels.sgd(factors, u.grad + begin, u.parameter + begin, end - begin);
    else
      with_momentum(factors, u.grad + begin, u.parameter + begin, u.slots[0] + begin, end - begin);
  });
}

}  // namespace ranvier
