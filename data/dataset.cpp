#include "ranvier/data/dataset.h"

namespace ranvier {

void reuse_or_allocate(Tensor& tensor, const Shape& shape, DType dtype) {
  const bool fits =
      tensor.defined() && tensor.device() == cpu_device &&
      array_bytes(shape, dtype) <= static_cast<std::int64_t>(tensor.storage()->bytes());
  if (!fits)
    tensor = empty(shape, {.dtype = dtype});
  else if (tensor.shape() != shape || tensor.dtype() != dtype)
    tensor = Tensor(tensor.storage(), 0, shape, dtype);
}

void release_shared(std::initializer_list<Tensor*> tensors) {
  for (Tensor* tensor : tensors)
    if (tensor->defined() && !tensor->is_unique()) *tensor = {};
}

}  // namespace ranvier
