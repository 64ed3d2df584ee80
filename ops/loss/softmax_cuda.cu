// A warp takes a row. Asked for no number of blocks on a multiprocessor, the compiler spills rather
// than use more registers than the most blocks leave.
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/loss/detail/loss_kernels.h"
#include "ranvier/ops/loss/detail/row_reduce_cuda.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::Type;

const char* name_of(bool logarithm) { return logarithm ? "log_softmax" : "softmax"; }

/// The row of this warp; all threads of a warp have the same.
__device__ std::int64_t row_of_warp() {
  return static_cast<std::int64_t>(blockIdx.x) * rows_per_block + threadIdx.x / warp_threads;
}

template <bool logarithm, class R>
__global__ void __launch_bounds__(block_threads, 4)
    softmax_rows(const R* x, std::int64_t rows, std::int64_t classes, R* y) {
  const int lane = static_cast<int>(threadIdx.x) % warp_threads;
  const std::int64_t row = row_of_warp();
  if (row >= rows) return;
  x += row * classes;
  y += row * classes;
  const double log_sum = row_log_sum_exp(x, classes, lane);
  for (std::int64_t c = lane; c < classes; c += warp_threads) {
    const double value = x[c] - log_sum;
    if constexpr (logarithm)
      y[c] = static_cast<R>(value);
    else
      y[c] = static_cast<R>(exp(value));
  }
}

template <bool logarithm, class R>
__global__ void __launch_bounds__(block_threads, 4)
    softmax_backward_rows(const R* g, const R* y, std::int64_t rows, std::int64_t classes,
                          R* result) {
  const int lane = static_cast<int>(threadIdx.x) % warp_threads;
  const std::int64_t row = row_of_warp();
  if (row >= rows) return;
  g += row * classes;
  y += row * classes;
  result += row * classes;
  const double sum = row_sum(classes, lane, [=](std::int64_t c) {
    return logarithm ? static_cast<double>(g[c]) : static_cast<double>(g[c]) * y[c];
  });
  for (std::int64_t c = lane; c < classes; c += warp_threads)
    result[c] = static_cast<R>(logarithm ? g[c] - exp(static_cast<double>(y[c])) * sum
                                         : y[c] * (g[c] - sum));
}

template <class R>
void forward_rows(const Tensor& x, bool logarithm, Tensor& y) {
  const char* const op = name_of(logarithm);
  if (x.numel() == 0) return;
  const std::int64_t classes = x.size(-1), rows = x.numel() / classes;
  launch(op, x.device(), grid_for(rows * warp_threads),
         logarithm ? softmax_rows<true, R> : softmax_rows<false, R>, elements<R>(op, x), rows,
         classes, mutable_elements<R>(op, y));
}

template <class R>
void backward_rows(const Tensor& grad, const Tensor& y, bool logarithm, Tensor& result) {
  const char* const op = name_of(logarithm);
  if (y.numel() == 0) return;
  const std::int64_t classes = y.size(-1), rows = y.numel() / classes;
  launch(op, y.device(), grid_for(rows * warp_threads),
         logarithm ? softmax_backward_rows<true, R> : softmax_backward_rows<false, R>,
         elements<R>(op, grad), elements<R>(op, y), rows, classes, mutable_elements<R>(op, result));
}

void forward(const Tensor& x, bool logarithm, Tensor& y) {
  ranvier::detail::visit_real(name_of(logarithm), x.dtype(),
                              [&]<class R>(Type<R>) { forward_rows<R>(x, logarithm, y); });
}

void backward(const Tensor& grad, const Tensor& y, bool logarithm, Tensor& result) {
  ranvier::detail::visit_real(name_of(logarithm), y.dtype(), [&]<class R>(Type<R>) {
    backward_rows<R>(grad, y, logarithm, result);
  });
}

const CudaKernel forward_kernel(ranvier::detail::softmax_kernels, forward);
const CudaKernel backward_kernel(ranvier::detail::softmax_backward_kernels, backward);

}  // namespace
}  // namespace ranvier::cuda
