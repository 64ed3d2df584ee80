// Dropout (Srivastava et al. 2014), with masks that may be shared by all time steps.
#pragma once

#include "ranvier/core/tensor.h"

namespace ranvier {

/// Where x [t, b, ...] lies in a larger [steps, samples, ...] whose other parts are elsewhere.
struct DropoutPart {
  std::int64_t first_step = 0, steps = 0;  ///< steps 0: x is all there is
  std::int64_t first_sample = 0, samples = 0;
};

struct DropoutOptions {
  double p = 0.5;             ///< probability of a zero, in [0, 1)
  bool shared_steps = false;  ///< one mask for all steps of x [T, B, ...], not one per step
  DropoutPart part{};         ///< elements are dropped as in the whole, however it is cut
};

/// Throws unless `options` are as described there.
void check_dropout(const DropoutOptions& options);

/// While training, zeroes elements of x, of any floating dtype, with probability p and scales the
/// others by 1 / (1 - p); otherwise, and for p = 0, x itself. The mask is a function of the place
/// that `default_generator` has reached: backward computes it anew and nothing is stored. Each call
/// draws a new one, so a shared mask holds for the shard of time it was drawn for. Errors: options
/// outside the above; shared_steps or a part with x of rank < 2; a part that reaches beyond the
/// whole.
Tensor dropout(const Tensor& x, const DropoutOptions& options, bool training);

}  // namespace ranvier
