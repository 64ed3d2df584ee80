// Sequences of different lengths in one padded batch: which of its steps are a sample's own.
#pragma once

#include <cstdint>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// 1 where step t is one of sample b's own, t < lengths[b], else 0: f32 [steps, B] from `lengths`,
/// i64 [B], on their device. Errors: lengths of another dtype or rank; one outside [1, steps], if
/// they are on the CPU.
Tensor step_mask(const Tensor& lengths, std::int64_t steps);

/// The mean of floating or packed `spikes` [T, B, ...] over each sample's own steps and over
/// samples and neurons: spikes per neuron and step. Undefined `lengths`: all steps count. Not
/// differentiable. Waits for the device; lengths there are cut to [1, T]. Errors: those of
/// `step_mask`; another dtype; no elements.
double firing_rate(const Tensor& spikes, const Tensor& lengths = {});

}  // namespace ranvier
