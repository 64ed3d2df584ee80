// Keeping gradients within bounds, between backward and step.
#pragma once

#include "ranvier/core/named_tensor.h"

namespace ranvier {

/// The Euclidean norm of all gradients together, accumulated in f64, the same for any number of
/// threads. Parameters without a gradient do not count. Error (non_finite): a gradient with a NaN
/// or an infinity; names the first parameter that has one.
double grad_norm(const NamedTensors& parameters);

/// Scales all gradients by min(1, max_norm / (grad_norm + 1e-6)), as PyTorch does, and returns
/// the norm before. Errors: max_norm <= 0 or not finite; those of `grad_norm`.
double clip_grad_norm(const NamedTensors& parameters, double max_norm);

/// `grad_norm` without waiting for the gradients' device: a scalar f64 on it, not finite if a
/// gradient is not. It can be recorded in a graph.
Tensor grad_norm_on_device(const NamedTensors& parameters);

/// `clip_grad_norm` without waiting for the gradients' device. Gradients whose norm is not finite
/// stay as they are. Error: max_norm <= 0 or not finite.
Tensor clip_grad_norm_on_device(const NamedTensors& parameters, double max_norm);

/// Clamps every element of every gradient to [-limit, limit]. Error: limit <= 0 or not finite.
void clip_grad_value(const NamedTensors& parameters, double limit);

}  // namespace ranvier
