#include "ranvier/layers/residual.h"

#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/spikes/spikes.h"

namespace ranvier {
namespace {
Tensor dense(const Tensor& x) { return x.dtype() == DType::bits ? from_bits(x) : x; }
}  // namespace

Shard Residual::operator()(const Tensor& x, const State& state) {
  Shard main = body(x, state.child(0, 2));
  Shard side = shortcut ? (*shortcut)(x, state.child(1, 2)) : Shard{x, {}};
  RV_CHECK(main.output.shape() == side.output.shape(),
           "[Residual] body and shortcut must give the same shape; got {} and {}.",
           main.output.shape(), side.output.shape());
  return {dense(main.output) + dense(side.output),
          {.tensors = {}, .children = {std::move(main.state), std::move(side.state)}}};
}

void Residual::visit(Visitor& visitor) {
  visitor.child("body", body);
  if (shortcut) visitor.child("shortcut", *shortcut);
}

}  // namespace ranvier
