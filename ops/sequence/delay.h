// Delays along time that are learned, one for each channel: axonal delays.
//
// Sources: Shrestha and Orchard, "SLAYER: spike layer error reassignment in time", NeurIPS 2018,
// who learn delays by the difference of neighbouring steps and apply whole ones; Sun et al.,
// "Adaptive axonal delays in feedforward spiking neural networks", ICASSP 2023, who bound them;
// Hammouamri et al., "Learning delays in spiking neural networks using dilated convolutions with
// learnable spacings", ICLR 2024, who interpolate in training.
#pragma once

#include <cstdint>

#include "ranvier/core/tensor.h"

namespace ranvier {

struct DelayOptions {
  std::int64_t max_delay;    ///< in steps, in [1, 2^16]; delays are limited to [0, max_delay]
  bool rounded = false;      ///< apply the nearest whole delay, so that spikes stay spikes
  bool final_state = false;  ///< keep the state after the last step
};

struct DelayResult {
  Tensor output;  ///< as x, f32 for 16-bit x
  Tensor state;   ///< the last inputs, oldest first: [max_delay, ...]; undefined if not asked for
};

/// Throws unless `max_delay` is as described there.
void check_max_delay(std::int64_t max_delay);

/// Delays channel c of x [T, ..., C] by d = `delays`[c] steps, of [C]:
///
///     y[t] = (1 - f) x[t - n] + f x[t - n - 1],  n = floor(d), f = d - n
///
/// with the steps before the first from `state` [max_delay, ..., C], or zeros if that is undefined.
/// Rounded, f is 0 or 1. All are f32, or all are f64; 16-bit floats in x count as f32.
///
/// Differentiable in x and the state, by the shift transposed, and in d, by the sum of
/// g[t] (x[t - n - 1] - x[t - n]), whether rounded or not: the slope to the right of a whole d, but
/// at max_delay that to the left. A d beyond a limit has the gradient of the limit, so that it can
/// find its way back.
///
/// Cutting time anywhere, also into shards shorter than max_delay, and carrying the state gives the
/// same output and the same gradients of x and state, bit for bit; the gradient of d is a sum over
/// all steps, the same to rounding. Errors: options outside the above; x of rank < 2; delays or
/// a state of another shape, dtype or device.
DelayResult delay(const Tensor& x, const Tensor& delays, const Tensor& state,
                  const DelayOptions& options);

}  // namespace ranvier
