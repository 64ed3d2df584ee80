#include "ranvier/layers/residual.h"

#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/spikes/spikes.h"

namespace ranvier {
namespace {
Tensor dense(const Tensor& x) { return x.dtype() == DType::bits ? from_bits(x) : x; }
}  // namespace

Shard Residual::operator()(const Tensor& x, const State& state) {
  const State at_rest{.tensors = {}, .children = {}, .keep = state.keep};
  const bool resting = state.at_rest();
  RV_CHECK(resting || state.children.size() == 2,
           "[Residual] the state must be one this module returned; it has {} parts.",
           state.children.size());
  Shard main = body(x, resting ? at_rest : state.children[0]);
  Shard side = shortcut ? (*shortcut)(x, resting ? at_rest : state.children[1]) : Shard{x, {}};
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
