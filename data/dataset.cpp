#include "ranvier/data/dataset.h"

namespace ranvier {

void reuse_or_allocate(Tensor& tensor, const Shape& shape, DType dtype, Device device) {
  const bool fits =
      tensor.defined() && tensor.device() == device &&
      array_bytes(shape, dtype) <= static_cast<std::int64_t>(tensor.storage()->bytes());
  if (!fits)
    tensor = empty(shape, {.dtype = dtype, .device = device});
  else if (tensor.shape() != shape || tensor.dtype() != dtype)
    tensor = Tensor(tensor.storage(), 0, shape, dtype);
}

void release_shared(std::initializer_list<Tensor*> tensors) {
  for (Tensor* tensor : tensors)
    if (tensor->defined() && !tensor->is_unique()) *tensor = {};
}

}  // namespace ranvier
