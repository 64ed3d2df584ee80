// From a sequence to one value: what is read off a network's output over time.
#pragma once

#include <string_view>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// What is read off a sample's own steps.
enum class Readout {
  sum,   ///< spike counts
  mean,  ///< firing rates, or a membrane's mean
  last,  ///< the value at the sample's last step
  max    ///< the largest value; NaN wins
};

/// "sum", "mean", "last", "max".
const char* name(Readout readout);
/// The readout of that name. Error: there is none.
Readout readout_named(std::string_view name);

/// Reads x [T, B, ...], f32 or f64 (16-bit floats count as f32), off to [B, ...], over the first
/// `lengths[b]` steps of sample b (i64 [B]; undefined: all T). What stands in later steps changes
/// nothing, and their gradient is zero; a sample's result is the same bit for bit however long the
/// batch is padded. The gradient of `max` goes to the first largest step. Errors: other ranks or
/// dtypes; a length outside [1, T]. On a CUDA device lengths are not looked at before they are
/// used: one outside [1, T] makes the sample's result NaN.
Tensor read_out(Readout readout, const Tensor& x, const Tensor& lengths = {});

}  // namespace ranvier
