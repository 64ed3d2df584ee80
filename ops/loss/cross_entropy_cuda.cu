// A group of threads takes a row: a warp, or a quarter of one where that has a block take all rows
// at once. One block adds up the rows' losses: the same that has computed them if they are few, as
// in every training step, so that the loss is one launch there and two otherwise.
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/loss/detail/loss_kernels.h"
#include "ranvier/ops/loss/detail/row_reduce_cuda.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::Type;

constexpr const char* op = "cross_entropy";
constexpr unsigned large_block = 1024;
constexpr std::int64_t few_rows = 1024;
constexpr int quarter = warp_threads / 4;

template <class R>
struct Rows {
  const R* x;
  const std::int64_t* label;
  std::int64_t batch, classes;
  double eps;
};

/// (1 - eps) (log_sum - x[label]) + eps (log_sum - mean x), in all lanes; NaN without the label.
template <int group, class R>
__device__ double row_loss(const Rows<R>& rows, const R* x, double log_sum, std::int64_t label,
                           int lane) {
  double sum = 0;
  if (rows.eps != 0)
    sum = row_sum<group>(rows.classes, lane,
                         [=](std::int64_t c) { return static_cast<double>(x[c]); });
  if (label < 0 || label >= rows.classes) return nan("");
  const double of_label = log_sum - x[label];
  if (rows.eps == 0) return of_label;  // eps (log_sum - mean x) may be 0 * infinity
  return (1 - rows.eps) * of_label + rows.eps * (log_sum - sum / static_cast<double>(rows.classes));
}

/// The mean of `loss`, by one block.
template <class R>
__device__ void write_mean(const double* loss, std::int64_t batch, R* mean) {
  double sum = 0;
  for (std::int64_t row = threadIdx.x; row < batch; row += blockDim.x) sum += loss[row];
  sum = block_sum(sum);
  if (threadIdx.x == 0) *mean = static_cast<R>(sum / static_cast<double>(batch));
}

/// Writes log sums and losses of all rows and, if there is one block, the mean.
template <int group, class R>
__global__ void __launch_bounds__(large_block)
    row_losses(const Rows<R> rows, double* log_sums, double* losses, R* mean) {
  const int lane = static_cast<int>(threadIdx.x) % group;
  const std::int64_t groups = static_cast<std::int64_t>(gridDim.x) * blockDim.x / group;
  const std::int64_t first =
      (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / group;
  const std::int64_t in_warp = first % (warp_threads / group);
  for (std::int64_t row = first; row - in_warp < rows.batch; row += groups) {
    // Groups beyond the last row go along with their warp.
    const bool idle = row >= rows.batch;
    const std::int64_t taken = idle ? rows.batch - 1 : row;
    const R* const x = rows.x + taken * rows.classes;
    const double log_sum = row_log_sum_exp<group>(x, rows.classes, lane);
    const double loss = row_loss<group>(rows, x, log_sum, rows.label[taken], lane);
    if (lane != 0 || idle) continue;
    log_sums[row] = log_sum;
    losses[row] = loss;
  }
  if (gridDim.x > 1) return;
  __syncthreads();
  write_mean(losses, rows.batch, mean);
}

template <class R>
__global__ void __launch_bounds__(large_block)
    mean_loss(const double* losses, std::int64_t batch, R* mean) {
  write_mean(losses, batch, mean);
}

template <class R>
void forward_rows(const Tensor& logits, const Tensor& labels, double eps, Tensor& log_sums,
                  Tensor& mean) {
  const Device device = logits.device();
  const std::int64_t batch = logits.size(0);
  const Rows<R> rows{elements<R>(op, logits), elements<std::int64_t>(op, labels), batch,
                     logits.size(1), eps};
  Tensor losses = empty_like(log_sums);
  double* const loss = mutable_elements<double>(op, losses);
  R* const out = mutable_elements<R>(op, mean);
  const bool few = batch <= few_rows;
  const Grid grid =
      few ? Grid{1, large_block} : Grid{grid_for(batch * warp_threads).blocks, block_threads};
  const bool quarters = few && batch > large_block / warp_threads;
  launch(op, device, grid, quarters ? row_losses<quarter, R> : row_losses<warp_threads, R>, rows,
         mutable_elements<double>(op, log_sums), loss, out);
  if (!few) launch(op, device, {1, large_block}, mean_loss<R>, loss, batch, out);
}

void forward(const Tensor& logits, const Tensor& labels, double eps, Tensor& log_sums,
             Tensor& mean) {
  ranvier::detail::visit_real(op, logits.dtype(), [&]<class R>(Type<R>) {
    forward_rows<R>(logits, labels, eps, log_sums, mean);
  });
}

template <class R>
void backward_elements(const Tensor& grad, const Tensor& logits, const Tensor& labels,
                       const Tensor& log_sums, double eps, Tensor& result) {
  const std::int64_t batch = result.size(0), classes = result.size(1);
  const R *const g = elements<R>(op, grad), *const x = elements<R>(op, logits);
  const std::int64_t* const label = elements<std::int64_t>(op, labels);
  const double* const log_sum = elements<double>(op, log_sums);
  R* const out = mutable_elements<R>(op, result);
  const double everywhere = eps / static_cast<double>(classes);
  for_each(op, result.device(), batch * classes, [=] __device__(std::int64_t i) {
    const std::int64_t row = i / classes, of_row = label[row];
    const double factor = static_cast<double>(*g) / static_cast<double>(batch);
    const double target = everywhere + (i - row * classes == of_row ? 1 - eps : 0);
    const bool known = of_row >= 0 && of_row < classes;
    out[i] = static_cast<R>(known ? factor * (exp(x[i] - log_sum[row]) - target) : nan(""));
  });
}

void backward(const Tensor& grad, const Tensor& logits, const Tensor& labels,
              const Tensor& log_sums, double eps, Tensor& result) {
  ranvier::detail::visit_real(op, logits.dtype(), [&]<class R>(Type<R>) {
    backward_elements<R>(grad, logits, labels, log_sums, eps, result);
  });
}

const CudaKernel forward_kernel(ranvier::detail::cross_entropy_kernels, forward);
const CudaKernel backward_kernel(ranvier::detail::cross_entropy_backward_kernels, backward);

}  // namespace
}  // namespace ranvier::cuda
