// What groups of parameters come to for each parameter.
#pragma once

#include <vector>

#include "ranvier/core/named_tensor.h"
#include "ranvier/optim/parameter_group.h"

namespace ranvier::optim {

struct ParameterRates {
  double lr_factor, weight_decay;
};

/// Those of each of `parameters`, of which the ones that are in no group have `weight_decay`.
/// Errors, tagged with `op`: rates that are negative or not finite; a group without names; a name
/// that no parameter has.
std::vector<ParameterRates> rates_of(const char* op, const NamedTensors& parameters,
                                     double weight_decay, const ParameterGroups& groups);

}  // namespace ranvier::optim
