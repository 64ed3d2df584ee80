// A warp takes a row; whole numbers may be added up in any order.
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/loss/detail/loss_kernels.h"
#include "ranvier/ops/loss/detail/row_reduce_cuda.h"

namespace ranvier::cuda {
namespace {

constexpr const char* op = "correct";

// More would have too few registers for f64 on some devices.
template <class R>
constexpr unsigned totals_threads = sizeof(R) == 8 ? 512 : 1024;

using Count = unsigned long long;  // what atomicAdd takes

template <class R>
__global__ void __launch_bounds__(block_threads)
    add_correct(const R* scores, const std::int64_t* label, std::int64_t batch,
                std::int64_t classes, Count* count) {
  const int lane = static_cast<int>(threadIdx.x) % warp_threads;
  const std::int64_t row =
      static_cast<std::int64_t>(blockIdx.x) * rows_per_block + threadIdx.x / warp_threads;
  if (row >= batch) return;
  const bool correct = row_largest(scores + row * classes, classes, lane).place == label[row];
  if (correct && lane == 0) atomicAdd(count, Count{1});
}

template <class R>
void count_rows(const Tensor& scores, const Tensor& labels, Tensor& count) {
  const Device device = scores.device();
  const std::int64_t batch = scores.size(0);
  auto* const out = reinterpret_cast<Count*>(mutable_elements<std::int64_t>(op, count));
  check(op, cudaMemsetAsync(out, 0, sizeof(Count), stream(device)));
  if (batch == 0) return;
  launch(op, device, grid_for(batch * warp_threads), add_correct<R>, elements<R>(op, scores),
         elements<std::int64_t>(op, labels), batch, scores.size(1), out);
}

void count_correct(const Tensor& scores, const Tensor& labels, Tensor& count) {
  ranvier::detail::visit_real(op, scores.dtype(), [&]<class R>(ranvier::detail::Type<R>) {
    count_rows<R>(scores, labels, count);
  });
}

// One block, so that nothing is added up twice; its warps take rows in turn.
template <class R>
__global__ void __launch_bounds__(totals_threads<R>)
    add_up(const R* loss, const R* scores, const std::int64_t* label, std::int64_t batch,
           std::int64_t classes, double* totals) {
  __shared__ int correct;
  if (threadIdx.x == 0) correct = 0;
  __syncthreads();
  const int lane = static_cast<int>(threadIdx.x) % warp_threads;
  for (std::int64_t row = threadIdx.x / warp_threads; row < batch;
       row += totals_threads<R> / warp_threads)
    if (row_largest(scores + row * classes, classes, lane).place == label[row] && lane == 0)
      atomicAdd(&correct, 1);
  __syncthreads();
  if (threadIdx.x != 0) return;
  totals[0] += static_cast<double>(batch) * static_cast<double>(*loss);
  totals[1] += correct;
}

template <class R>
void add_rows(const Tensor& loss, const Tensor& scores, const Tensor& labels, Tensor& totals) {
  constexpr const char* name = "add_to_totals";
  launch(name, scores.device(), {1, totals_threads<R>}, add_up<R>, elements<R>(name, loss),
         elements<R>(name, scores), elements<std::int64_t>(name, labels), scores.size(0),
         scores.size(1), mutable_elements<double>(name, totals));
}

void add_to_totals(const Tensor& loss, const Tensor& scores, const Tensor& labels, Tensor& totals) {
  ranvier::detail::visit_real(
      "add_to_totals", scores.dtype(),
      [&]<class R>(ranvier::detail::Type<R>) { add_rows<R>(loss, scores, labels, totals); });
}

const CudaKernel totals_kernel(ranvier::detail::add_to_totals_kernels, add_to_totals);
const CudaKernel kernel(ranvier::detail::correct_kernels, count_correct);

}  // namespace
}  // namespace ranvier::cuda
