// Parameters that an optimizer treats otherwise than the rest.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace ranvier {

/// A learning rate or a weight decay of their own for some parameters:
///
///   Adam adam(parameters(network), {.lr = 1e-3, .weight_decay = 0.1},
///             {{.names = {"delay"}, .lr_factor = 10, .weight_decay = 0},
///              {.names = {"gamma", "beta", "bias"}, .weight_decay = 0}});
struct ParameterGroup {
  /// Which: those whose path is such a name or has it between its dots. "delay" is "2.delay" and
  /// all other delays, "encoder.0" all that is learned in that module.
  std::vector<std::string> names;
  double lr_factor = 1;                  ///< times the optimizer's learning rate, >= 0
  std::optional<double> weight_decay{};  ///< >= 0; absent: the optimizer's
};

/// A parameter belongs to the first group that names it, or else to none.
using ParameterGroups = std::vector<ParameterGroup>;

}  // namespace ranvier
