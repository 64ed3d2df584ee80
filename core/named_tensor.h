// A tensor and the name it goes by in optimisers, state dicts and checkpoints.
#pragma once

#include <string>
#include <vector>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// `name` is a dotted path from the network down to the tensor: "2.weight".
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// In the order the network names them.
using NamedTensors = std::vector<NamedTensor>;

}  // namespace ranvier
