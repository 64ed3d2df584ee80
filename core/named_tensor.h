// A tensor and the name it goes by in optimisers, state dicts and checkpoints.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
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

/// Copies `saved` into the tensors of `target` (a state dict) by name, all or none. Errors, naming
/// tensor and both shapes: one of them has a tensor that the other lacks, or of another shape or
/// dtype, or two of one name.
void load_state(const NamedTensors& target, const NamedTensors& saved);

/// Copies of `tensors`, which stay as they are while those of a network, which its state dict only
/// names, are trained: the best weights so far, until `load_state` puts them back.
NamedTensors clone(const NamedTensors& tensors);

/// `tensors` under the names prefix + name: parts of a run share one checkpoint.
NamedTensors add_prefix(std::string_view prefix, NamedTensors tensors);
/// Those of `tensors` whose names begin with `prefix`, without it.
NamedTensors take_prefix(std::string_view prefix, const NamedTensors& tensors);

/// Numbers in `tensors`.
std::int64_t count_elements(const NamedTensors& tensors);

/// Clears the gradients of `parameters`.
void zero_grad(const NamedTensors& parameters);

}  // namespace ranvier
