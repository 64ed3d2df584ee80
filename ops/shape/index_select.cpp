#include "ranvier/ops/shape/index_select.h"

#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/shape/detail/copy_kernels.h"
#include "ranvier/ops/shape/detail/layout.h"

namespace ranvier {
namespace {

struct IndexSelectBackward final : Node {
  IndexSelectBackward(const Shape& input_shape, const Tensor& chosen)
      : shape(input_shape), indices(chosen) {}
  Shape shape;
  Saved indices;

  const char* name() const override { return "IndexSelectBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Tensor gy = widened(grads[0]);
    Tensor gx = zeros(shape, {.dtype = gy.dtype(), .device = gy.device()});
    kernel_for("index_select", gy.device(), detail::scatter_add_kernels)(gy, indices.get(), gx);
    return {gx.to(grads[0].dtype())};
  }
  void release() override { indices.reset(); }
};

void require_in_range(const Tensor& x, const Tensor& indices) {
  const auto* index = indices.data<std::int64_t>();
  for (std::int64_t i = 0; i < indices.numel(); ++i)
    RV_CHECK(index[i] >= 0 && index[i] < x.size(0),
             "[index_select] indices[{}] = {} is outside [0, {}), axis 0 of {}.", i, index[i],
             x.size(0), x.shape());
}

}  // namespace

Tensor index_select(const Tensor& x, const Tensor& indices) {
  const OperationScope operation("index_select");
  RV_CHECK(x.rank() >= 1, "[index_select] x must have an axis to choose from; it is a scalar.");
  RV_CHECK(indices.dtype() == DType::i64 && indices.rank() == 1,
           "[index_select] indices must be i64 of rank 1; got {} {}.", indices.dtype(),
           indices.shape());
  detail::require_whole_rows("index_select", x, 0);
  if (indices.device() == cpu_device)
    require_in_range(x, indices);
  else if (indices.device() != x.device())
    fail(ErrorCode::device, "[index_select] the indices are on {} and x on {}.", indices.device(),
         x.device());
  const Tensor rows = indices.to(x.device());
  Tensor y = empty(x.shape().with(0, rows.numel()), {.dtype = x.dtype(), .device = x.device()});
  kernel_for("index_select", x.device(), detail::gather_kernels)(x, rows, y);
  if (grad_needed({x})) attach(std::make_shared<IndexSelectBackward>(x.shape(), rows), {x}, {y});
  return y;
}

}  // namespace ranvier
