// When packed spikes are multiplied event by event, and when as dense numbers.
#pragma once

#include "ranvier/core/dtype.h"

namespace ranvier {

/// Largest densities (spikes per element) at which an operation on packed spikes adds up one row of
/// the weight (or of the gradient) for each spike, rather than expanding the spikes and multiplying
/// densely. 0 asks for dense products, 1 for event-driven ones.
///
/// Densities are measured, so the choice depends on the data only, never on timing: forward for
/// each row of a linear layer and each image of a convolution by itself, so that a shard of time
/// gives the bits of the whole; for a weight gradient by its whole input. Both ways agree to
/// rounding.
struct EventThresholds {
  double linear_forward = 0;
  double linear_weight_gradient = 0;
  double conv_forward = 0;
  double conv_weight_gradient = 0;
};

/// The thresholds in force against dense products in `compute`: f32 or bf16. At start they are
/// those of docs/benchmarks.md, below which event-driven products won on every machine tried.
/// Error: another dtype.
const EventThresholds& event_thresholds(DType compute);

/// Replaces them for the whole process; not while operations run. Errors: another dtype, a
/// threshold outside [0, 1].
void set_event_thresholds(DType compute, const EventThresholds& thresholds);

/// Measures where event-driven products stop paying on this machine, sets those thresholds for the
/// whole process and returns them. Takes about a second. Timing decides, so two runs may choose
/// differently near a threshold; where results must repeat exactly, leave it out. Error: a dtype
/// that is neither f32 nor bf16, or bf16 on a processor without it.
EventThresholds autotune_event_thresholds(DType compute);

}  // namespace ranvier
