// Stochastic gradient descent.
#pragma once

#include "ranvier/optim/optimizer.h"

namespace ranvier {

struct SgdOptions {
  double lr = 1e-3;
  double momentum = 0;      ///< mu, in [0, 1)
  double weight_decay = 0;  ///< lambda, >= 0
  bool nesterov = false;    ///< look ahead along the momentum, which must be > 0
};

/// PyTorch's SGD: g = grad + lambda w, m = mu m + g, w -= lr m; with Nesterov's momentum
/// w -= lr (g + mu m). Errors: options outside the above; a group that names a parameter
/// which is not there.
class Sgd final : public Optimizer {
 public:
  explicit Sgd(NamedTensors parameters, const SgdOptions& options = {},
               const ParameterGroups& groups = {});

 private:
  void write_factors(std::int64_t step, const Rates& rates, float* factors) const override;

  SgdOptions options_;
};

}  // namespace ranvier
