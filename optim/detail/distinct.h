// Shared parameters.
#pragma once

#include "ranvier/core/named_tensor.h"

namespace ranvier::optim {

/// `tensors` without those that an earlier name stands for already (weights that layers share):
/// what is done to each tensor is to be done once.
NamedTensors distinct(NamedTensors tensors);

}  // namespace ranvier::optim
