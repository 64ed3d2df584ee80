// Learnable delays as a layer.
#pragma once

#include "ranvier/layers/module.h"
#include "ranvier/ops/sequence/delay.h"

namespace ranvier {

struct DelayLayerOptions {
  std::int64_t features;   ///< channels, the last axis
  std::int64_t max_delay;  ///< in steps
  /// Apply the nearest whole delay: spikes stay 0 and 1. May be set once a network has learned.
  bool rounded = false;
};

/// Axonal delays over a shard of time, as `delay` (ops/sequence/delay.h) computes them: ([T, ...,
/// features], state) -> ([T, ..., features], state'). The state holds the last max_delay inputs.
///
/// What is learned is each delay's share of max_delay, so that it moves from limit to limit by
/// steps of the size of a weight's, and one optimizer serves both. Shares begin uniform in [0, 1),
/// as delays of Hammouamri et al. (2024) do over their range. Where gradients are recorded, the
/// layer first moves those that an optimizer took beyond [0, 1] back to the limit, as lava-dl's
/// Delay does, and the gradient of the limit can lead them on from there. Errors: features < 1;
/// max_delay outside [1, 2^16]; a static input, which has no time axis.
struct Delay {
  static constexpr std::string_view kind = "Delay";

  explicit Delay(DelayLayerOptions options);
  Shard operator()(const Tensor& x, const State& state);
  /// All of time in one shard from rest.
  Tensor operator()(const Tensor& x) { return (*this)(x, State::whole_sequence()).output; }
  void visit(Visitor& visitor) { visitor.parameter("delay", share); }
  /// The delays in time steps, [features]; differentiable.
  Tensor steps() const;

  Tensor share;  ///< [features], delays as shares of max_delay
  DelayLayerOptions options;
};

}  // namespace ranvier
