// What handles of one tensor share.
#pragma once

#include <memory>
#include <vector>

#include "ranvier/core/tape.h"
#include "ranvier/core/tensor.h"

namespace ranvier::detail {

struct TensorImpl {
  std::shared_ptr<Storage> storage;
  std::int64_t offset = 0;
  Shape shape;
  DType dtype = DType::f32;

  bool requires_grad = false;       // of a leaf; other tensors have an origin instead
  Tensor grad;                      // of a leaf
  std::vector<Tensor::Hook> hooks;  // of a leaf; other tensors keep them in their origin
  std::shared_ptr<Node> origin;
  int origin_index = 0;
};

}  // namespace ranvier::detail
