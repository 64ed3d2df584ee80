#include "ranvier/layers/dropout.h"

#include "ranvier/layers/shard_context.h"
#include "ranvier/ops/shape/shape_ops.h"

namespace ranvier {

Dropout::Dropout(DropoutOptions options) : options(options) { check_dropout(options); }

Tensor Dropout::operator()(const Tensor& x) const {
  DropoutOptions now = options;
  now.part = dropout_part();
  if (!input_is_static()) return dropout(x, now, training);
  now.shared_steps = false;  // there is one step, which all show
  if (now.part.steps == 0) return dropout(x, now, training);
  return reshape(dropout(reshape(x, Shape{1}.concat(x.shape())), now, training), x.shape());
}

}  // namespace ranvier
