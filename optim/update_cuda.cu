// A step of an optimizer: one kernel moves all parameters (48 to a launch), 16 bytes of each array
// a thread. The numbers that change from step to step are read from device memory, so that a
// recorded step takes new ones.
#include <cstring>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/optim/detail/cuda_batches.h"
#include "ranvier/optim/detail/loss_scale_kernels.h"
#include "ranvier/optim/detail/update.h"

namespace ranvier::optim {
namespace {

constexpr int width = 4;
constexpr std::int64_t elements_of_block = cuda::block_threads * width;

template <Rule rule>
struct Form {
  using Factors = SgdFactors;
  static constexpr int slots = rule == Rule::sgd ? 0 : 1;

  static __device__ void move(const Factors& f, float grad, float& w, float& m, float&) {
    if constexpr (rule == Rule::sgd)
      move_sgd(f, grad, w);
    else
      move_sgd_momentum<rule == Rule::sgd_nesterov>(f, grad, w, m);
  }
};

template <>
struct Form<Rule::adam> {
  using Factors = AdamFactors;
  static constexpr int slots = 2;

  static __device__ void move(const Factors& f, float grad, float& w, float& m, float& v) {
    move_adam(f, grad, w, m, v);
  }
};

__device__ bool aligned(const void* array) {
  return reinterpret_cast<std::uintptr_t>(array) % 16 == 0;
}

template <int lanes>
__device__ void write_rounded(const Update& u, std::int64_t first,
                              const cuda::Pack<float, lanes>& w) {
  if (u.rounded == nullptr) return;
  if (u.rounded_dtype == DType::bf16)
    cuda::store_as<float, lanes>(reinterpret_cast<bfloat16*>(u.rounded) + first, w);
  else
    cuda::store_as<float, lanes>(reinterpret_cast<float16*>(u.rounded) + first, w);
}

template <Rule rule>
__global__ void __launch_bounds__(cuda::block_threads)
    move_all(const __grid_constant__ Batch<Update> batch, const float* __restrict__ factors,
             const ScaleState* __restrict__ scale) {
  if (scale != nullptr && scale->overflow != 0) return;
  const float unscale = scale == nullptr ? 1.0f : scale->inverse;
  using Form = Form<rule>;
  using Pack = cuda::Pack<float, width>;
  const int index = batch.find(blockIdx.x);
  const Update& u = batch.items[index];
  const auto f = reinterpret_cast<const typename Form::Factors*>(factors)[u.row];
  const std::int64_t first =
      static_cast<std::int64_t>(blockIdx.x - batch.first_block[index]) * elements_of_block +
      threadIdx.x * width;
  const bool whole = first + width <= u.count && aligned(u.parameter) && aligned(u.grad) &&
                     (Form::slots < 1 || aligned(u.slots[0])) &&
                     (Form::slots < 2 || aligned(u.slots[1]));
  if (whole) {
    const auto grad = cuda::load<float, width>(u.grad + first);
    auto w = cuda::load<float, width>(u.parameter + first);
    Pack m = {}, v = {};
    if constexpr (Form::slots > 0) m = cuda::load<float, width>(u.slots[0] + first);
    if constexpr (Form::slots > 1) v = cuda::load<float, width>(u.slots[1] + first);
    for (int k = 0; k < width; ++k)
      Form::move(f, unscale * grad.lane[k], w.lane[k], m.lane[k], v.lane[k]);
    cuda::store(u.parameter + first, w);
    write_rounded(u, first, w);
    if constexpr (Form::slots > 0) cuda::store(u.slots[0] + first, m);
    if constexpr (Form::slots > 1) cuda::store(u.slots[1] + first, v);
    return;
  }
  for (std::int64_t i = first; i < first + width && i < u.count; ++i) {
    float none = 0;
    Form::move(f, unscale * u.grad[i], u.parameter[i], Form::slots > 0 ? u.slots[0][i] : none,
               Form::slots > 1 ? u.slots[1][i] : none);
    write_rounded<1>(u, i, {u.parameter[i]});
  }
}

template <Rule rule>
void launch_all(const char* op, std::span<const Update> updates, const Tensor& factors,
                const Tensor& scale) {
  const float* const numbers = cuda::elements<float>(op, factors);
  const auto* const state =
      reinterpret_cast<const ScaleState*>(cuda::elements_or_null<float>(op, scale));
  for_each_batch<Update>(updates, elements_of_block, [&](const Batch<Update>& batch, std::size_t) {
    const unsigned blocks = batch.first_block[batch.number];
    if (blocks == 0) return;
    cuda::launch(op, factors.device(), {blocks, cuda::block_threads}, move_all<rule>, batch,
                 numbers, state);
  });
}

void update(const char* op, Rule rule, std::span<const Update> updates, const Tensor& factors,
            const Tensor& scale) {
  switch (rule) {
    case Rule::sgd:
      return launch_all<Rule::sgd>(op, updates, factors, scale);
    case Rule::sgd_momentum:
      return launch_all<Rule::sgd_momentum>(op, updates, factors, scale);
    case Rule::sgd_nesterov:
      return launch_all<Rule::sgd_nesterov>(op, updates, factors, scale);
    case Rule::adam:
      return launch_all<Rule::adam>(op, updates, factors, scale);
  }
}

const CudaKernel update_kernel(update_kernels, update);

}  // namespace
}  // namespace ranvier::optim
