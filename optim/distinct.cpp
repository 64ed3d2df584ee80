#include <unordered_set>

#include "ranvier/optim/detail/distinct.h"

namespace ranvier::optim {

NamedTensors distinct(NamedTensors tensors) {
  std::unordered_set<const detail::TensorImpl*> seen;
  std::erase_if(
      tensors, [&](const NamedTensor& named) { return !seen.insert(&named.tensor.impl()).second; });
  return tensors;
}

}  // namespace ranvier::optim
