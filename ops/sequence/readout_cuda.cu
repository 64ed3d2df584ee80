// Forward: x [T, B * inner] is read once, a warp taking 32 neighbouring elements of a step. Eight
// threads share an element: each takes every eighth step, so that enough loads are in flight for
// few elements too, and their results are joined in order. Which thread takes a step depends on the
// step alone: padding changes nothing. Backward writes 4 bytes an element and reads next to
// nothing.
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/sequence/detail/sequence_kernels.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::Type;

constexpr const char* op = "read_out";
constexpr int columns = 32, slices = 8;  // of a block of 256 threads

/// [steps, batch, inner], of which the first `length[b]` steps of sample b count.
struct Sequences {
  std::int64_t steps, batch, inner;
  const std::int64_t* length;  // null: all

  __device__ std::int64_t elements() const { return batch * inner; }
  __device__ std::int64_t own_steps(std::int64_t element) const {
    return length == nullptr ? steps : length[element / inner];
  }
};

Sequences sequences_of(const Tensor& x, const Tensor& lengths) {
  return {x.size(0), x.size(1), x.shape().sub(2, x.rank()).numel(),
          elements_or_null<std::int64_t>(op, lengths)};
}

template <class T>
__device__ T not_a_number() {
  return static_cast<T>(nan(""));
}

template <class T>
__global__ void __launch_bounds__(columns* slices)
    add_steps(const Sequences s, bool mean, const T* __restrict__ x, T* __restrict__ y) {
  __shared__ double sums[slices][columns];
  const int column = static_cast<int>(threadIdx.x) % columns;
  const int slice = static_cast<int>(threadIdx.x) / columns;
  const std::int64_t count = s.elements();
  const std::int64_t element = static_cast<std::int64_t>(blockIdx.x) * columns + column;
  const std::int64_t own = element < count ? s.own_steps(element) : 1;
  const bool valid = own >= 1 && own <= s.steps;
  double sum = 0;
  if (element < count && valid) {
#pragma unroll 4
    for (std::int64_t t = slice; t < own; t += slices)
      sum += static_cast<double>(x[t * count + element]);
  }
  sums[slice][column] = sum;
  __syncthreads();
  if (slice != 0 || element >= count) return;
#pragma unroll
  for (int other = 1; other < slices; ++other) sum += sums[other][column];
  if (!valid)
    y[element] = not_a_number<T>();
  else
    y[element] = static_cast<T>(mean ? sum / static_cast<double>(own) : sum);
}

/// A value and the step it was found at.
template <class T>
struct Found {
  T value;
  std::int64_t step;

  /// Takes the other value if it is larger or NaN, and of equal ones that of the earlier step.
  __device__ void join(T other, std::int64_t other_step) {
    const bool nan = value != value, other_nan = other != other;
    const bool as_large = (nan && other_nan) || value == other;
    const bool larger = other_nan ? !nan : other > value;
    if (larger || (as_large && other_step < step)) {
      value = other;
      step = other_step;
    }
  }
};

template <class T>
__global__ void __launch_bounds__(columns* slices)
    largest_steps(const Sequences s, const T* __restrict__ x, T* __restrict__ y,
                  std::int64_t* __restrict__ found) {
  __shared__ T values[slices][columns];
  __shared__ std::int64_t places[slices][columns];
  const int column = static_cast<int>(threadIdx.x) % columns;
  const int slice = static_cast<int>(threadIdx.x) / columns;
  const std::int64_t count = s.elements();
  const std::int64_t element = static_cast<std::int64_t>(blockIdx.x) * columns + column;
  const std::int64_t own = element < count ? s.own_steps(element) : 1;
  const bool valid = own >= 1 && own <= s.steps;
  Found<T> best{not_a_number<T>(), -1};
  if (element < count && valid) {
    best = {x[element], 0};
#pragma unroll 4
    for (std::int64_t t = slice; t < own; t += slices) best.join(x[t * count + element], t);
  }
  values[slice][column] = best.value;
  places[slice][column] = best.step;
  __syncthreads();
  if (slice != 0 || element >= count) return;
#pragma unroll
  for (int other = 1; other < slices; ++other)
    best.join(values[other][column], places[other][column]);
  y[element] = best.value;
  found[element] = best.step;
}

template <class T>
void last_steps(const Sequences& s, Device device, const T* x, T* y) {
  const std::int64_t count = s.batch * s.inner;
  for_each(op, device, count, [=] __device__(std::int64_t element) {
    const std::int64_t own = s.own_steps(element);
    const bool valid = own >= 1 && own <= s.steps;
    y[element] = valid ? x[(own - 1) * count + element] : not_a_number<T>();
  });
}

template <class T>
void forward_elements(Readout readout, const Tensor& x, const Tensor& lengths, Tensor& y,
                      Tensor& found) {
  const Sequences s = sequences_of(x, lengths);
  const std::int64_t count = s.batch * s.inner;
  const T* const in = elements<T>(op, x);
  T* const out = mutable_elements<T>(op, y);
  if (count == 0) return;
  const Grid grid{static_cast<unsigned>((count + columns - 1) / columns), columns * slices};
  if (readout == Readout::last)
    last_steps(s, x.device(), in, out);
  else if (readout == Readout::max)
    launch(op, x.device(), grid, largest_steps<T>, s, in, out,
           mutable_elements<std::int64_t>(op, found));
  else
    launch(op, x.device(), grid, add_steps<T>, s, readout == Readout::mean, in, out);
}

void forward(Readout readout, const Tensor& x, const Tensor& lengths, Tensor& y, Tensor& found) {
  ranvier::detail::visit_real(
      op, x.dtype(), [&]<class T>(Type<T>) { forward_elements<T>(readout, x, lengths, y, found); });
}

constexpr std::int64_t steps_at_once = 16;

template <class T, int width>
__global__ void __launch_bounds__(block_threads)
    spread(const Sequences s, Readout readout, std::int64_t packs, const T* __restrict__ gy,
           const std::int64_t* __restrict__ found, T* __restrict__ gx) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const std::int64_t element = i % packs * width, first = i / packs * steps_at_once;
  if (first >= s.steps) return;
  const std::int64_t own = s.own_steps(element);
  T g[width];
  std::int64_t step[width];
#pragma unroll
  for (int k = 0; k < width; ++k) {
    g[k] = readout == Readout::mean ? gy[element + k] / static_cast<T>(own) : gy[element + k];
    step[k] = readout == Readout::max ? found[element + k] : own - 1;
  }
  const bool every_step = readout == Readout::sum || readout == Readout::mean;
  const std::int64_t end = first + steps_at_once < s.steps ? first + steps_at_once : s.steps;
  for (std::int64_t t = first; t < end; ++t) {
    Pack<T, width> pack;
#pragma unroll
    for (int k = 0; k < width; ++k)
      pack.lane[k] = t < own && (every_step || t == step[k]) ? g[k] : T(0);
    store(gx + t * s.elements() + element, pack);
  }
}

template <class T>
void backward_elements(Readout readout, const Tensor& grad, const Tensor& lengths,
                       const Tensor& found, Tensor& result) {
  const Sequences s = sequences_of(result, lengths);
  const T* const g = elements<T>(op, grad);
  const std::int64_t* const step = elements_or_null<std::int64_t>(op, found);
  T* const out = mutable_elements<T>(op, result);
  if (result.numel() == 0) return;
  const bool wide = in_packs<T>(s.inner, {out});
  const std::int64_t packs = s.batch * s.inner / (wide ? full_lanes<T> : 1);
  const std::int64_t parts = (s.steps + steps_at_once - 1) / steps_at_once;
  launch(op, result.device(), grid_for(packs * parts),
         wide ? spread<T, full_lanes<T>> : spread<T, 1>, s, readout, packs, g, step, out);
}

void backward(Readout readout, const Tensor& grad, const Tensor& lengths, const Tensor& found,
              Tensor& result) {
  ranvier::detail::visit_real(op, result.dtype(), [&]<class T>(Type<T>) {
    backward_elements<T>(readout, grad, lengths, found, result);
  });
}

const CudaKernel forward_kernel(ranvier::detail::read_out_kernels, forward);
const CudaKernel backward_kernel(ranvier::detail::read_out_backward_kernels, backward);

}  // namespace
}  // namespace ranvier::cuda
