#include "ranvier/ops/shape/index_select.h"

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/dispatch.h"
#include "ranvier/core/parallel.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/shape/detail/copy_cpu.h"
#include "ranvier/ops/shape/detail/layout.h"

namespace ranvier {
namespace {

constexpr DeviceKernels<decltype(detail::gather_rows_cpu)> gather_kernels{
    .cpu = detail::gather_rows_cpu};

/// Threads share out the columns, never the rows, so that gradients of one row add up in order.
template <class T>
void scatter_add(const Tensor& indices, std::int64_t columns, const T* gy, T* gx) {
  const std::int64_t* index = indices.data<std::int64_t>();
  parallel_for(0, columns, 256, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = 0; i < indices.numel(); ++i)
      for (std::int64_t column = first; column < last; ++column)
        gx[index[i] * columns + column] += gy[i * columns + column];
  });
}

struct IndexSelectBackward final : Node {
  IndexSelectBackward(const Shape& input_shape, const Tensor& chosen)
      : shape(input_shape), indices(chosen) {}
  Shape shape;
  Saved indices;

  const char* name() const override { return "IndexSelectBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Tensor& gy = grads[0];
    Tensor gx = zeros(shape, {.dtype = gy.dtype(), .device = gy.device()});
    detail::visit_real("index_select", gy.dtype(), [&]<class T>(detail::Type<T>) {
      scatter_add(indices.get(), shape.sub(1, shape.rank()).numel(), gy.data<T>(),
                  gx.mutable_data<T>());
    });
    return {gx, Tensor()};
  }
  void release() override { indices.reset(); }
};

}  // namespace

Tensor index_select(const Tensor& x, const Tensor& indices) {
  RV_CHECK(x.rank() >= 1, "[index_select] x must have an axis to choose from; it is a scalar.");
  RV_CHECK(indices.dtype() == DType::i64 && indices.rank() == 1,
           "[index_select] indices must be i64 of rank 1; got {} {}.", indices.dtype(),
           indices.shape());
  detail::require_whole_rows("index_select", x, 0);
  const std::int64_t* index = indices.data<std::int64_t>();
  for (std::int64_t i = 0; i < indices.numel(); ++i)
    RV_CHECK(index[i] >= 0 && index[i] < x.size(0),
             "[index_select] indices[{}] = {} is outside [0, {}), axis 0 of {}.", i, index[i],
             x.size(0), x.shape());
  const auto gather = kernel_for("index_select", x.device(), gather_kernels);
  Tensor y = empty(x.shape().with(0, indices.numel()), {.dtype = x.dtype(), .device = x.device()});
  gather(indices.numel(), index, detail::layout_of(x.shape(), x.dtype()).stride(0),
         y.mutable_raw_data(), x.raw_data());
  if (grad_needed({x}))
    attach(std::make_shared<IndexSelectBackward>(x.shape(), indices), {x, indices}, {y});
  return y;
}

}  // namespace ranvier
