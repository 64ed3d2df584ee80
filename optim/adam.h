// Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019).
#pragma once

#include "ranvier/optim/optimizer.h"

namespace ranvier {

/// How weight decay enters Adam.
enum class WeightDecay : std::uint8_t {
  gradient,   ///< Adam: lambda w is added to the gradient
  decoupled,  ///< AdamW: w shrinks by lr lambda w on its own
};

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;       ///< decay of the mean of g, in [0, 1)
  double beta2 = 0.999;     ///< decay of the mean of g^2, in [0, 1)
  double eps = 1e-8;        ///< >= 0
  double weight_decay = 0;  ///< lambda, >= 0
  WeightDecay decay = WeightDecay::gradient;
};

/// PyTorch's Adam and AdamW: at a parameter's t-th step m = beta1 m + (1 - beta1) g,
/// v = beta2 v + (1 - beta2) g^2 and
/// w -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps).
/// Errors: options outside the above; a group that names a parameter which is not there.
class Adam final : public Optimizer {
 public:
  explicit Adam(NamedTensors parameters, const AdamOptions& options = {},
                const ParameterGroups& groups = {});

 private:
  void write_factors(std::int64_t step, const Rates& rates, float* factors) const override;

  AdamOptions options_;
};

}  // namespace ranvier
