// Packing and unpacking of spikes on a CUDA device. A spike of f32 moves 4 1/8 bytes.
#include "ranvier/core/detail/cuda_index.h"
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/core/detail/cuda_reduce.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/spikes/detail/packing.h"

namespace ranvier::detail {
namespace {

using cuda::block_threads;
using cuda::divide;
using cuda::Division;

__device__ __forceinline__ std::int64_t thread_number() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

/// Rows of whole words of f32 lie in memory as one: a thread reads four values, and eight threads
/// make half a word.
__global__ void __launch_bounds__(block_threads)
    pack_fours(std::int64_t fours, const float* x, std::uint32_t* halves) {
  const std::int64_t i = thread_number();
  if (i >= fours) return;  // 16 threads to a word: all eight of a half return, or none
  const auto values = cuda::load_once<float, 4>(x + i * 4);
  unsigned nibble = 0;
#pragma unroll
  for (int k = 0; k < 4; ++k) nibble |= (is_spike(values.lane[k]) ? 1u : 0u) << k;
  const unsigned lane = threadIdx.x % cuda::warp_threads;
  const unsigned half = __reduce_or_sync(0xffu << (lane / 8 * 8), nibble << (lane % 8 * 4));
  if (lane % 8 == 0) halves[i / 8] = half;
}

/// A warp makes a word of any row.
template <class T>
__global__ void __launch_bounds__(block_threads)
    pack_words(std::int64_t words, std::int64_t columns, const T* x, std::uint64_t* spikes) {
  const std::int64_t word = thread_number() / cuda::warp_threads;
  if (word >= words) return;
  const Division at = divide(word, words_per_row(columns));
  const std::int64_t column = at.remainder * 64 + threadIdx.x % cuda::warp_threads;
  const T* const row = x + at.quotient * columns;
  const bool low = column < columns && is_spike(row[column]);
  const bool high = column + 32 < columns && is_spike(row[column + 32]);
  const std::uint64_t low_half = __ballot_sync(cuda::whole_warp, low);
  const std::uint64_t high_half = __ballot_sync(cuda::whole_warp, high);
  if (threadIdx.x % cuda::warp_threads == 0) spikes[word] = high_half << 32 | low_half;
}

void pack(const Tensor& x, Tensor& spikes) {
  constexpr const char* op = "to_bits";
  const PackedRows size(x.shape());
  if (x.numel() == 0) return;
  auto* const words = cuda::mutable_elements<std::uint64_t>(op, spikes);
  if (x.dtype() == DType::f32 && size.columns % 64 == 0 &&
      cuda::in_packs<float>(size.columns, {x.raw_data()})) {
    const std::int64_t fours = x.numel() / 4;
    return cuda::launch(op, x.device(), cuda::grid_for(fours), pack_fours, fours,
                        cuda::elements<float>(op, x), reinterpret_cast<std::uint32_t*>(words));
  }
  const std::int64_t count = size.rows * words_per_row(size.columns);
  visit_numeric(x.dtype(), [&]<class T>(Type<T>) {
    cuda::launch(op, x.device(), cuda::grid_for(count * cuda::warp_threads), pack_words<T>, count,
                 size.columns, cuda::elements<T>(op, x), words);
  });
}

template <class T, int lanes>
__global__ void __launch_bounds__(block_threads)
    unpack_words(std::int64_t packs, std::int64_t columns, const std::uint64_t* spikes, const T one,
                 T* y) {
  const std::int64_t i = thread_number();
  if (i >= packs) return;
  const Division at = divide(i * lanes, columns);
  const std::uint64_t word =
      spikes[at.quotient * words_per_row(columns) + at.remainder / 64] >> (at.remainder % 64);
  cuda::Pack<T, lanes> values;
#pragma unroll
  for (int k = 0; k < lanes; ++k) values.lane[k] = (word >> k & 1) != 0 ? one : T{};
  cuda::store<T, lanes>(y + i * lanes, values);
}

void unpack(const Tensor& spikes, Tensor& y) {
  constexpr const char* op = "from_bits";
  const PackedRows size(spikes.shape());
  if (y.numel() == 0) return;
  const auto* const words = cuda::elements<std::uint64_t>(op, spikes);
  visit_numeric(y.dtype(), [&]<class T>(Type<T>) {
    constexpr int lanes = cuda::full_lanes<T>;
    T* const out = cuda::mutable_elements<T>(op, y);
    const T one = convert<double, T>(1);
    if (cuda::in_packs<T>(size.columns, {out}))
      cuda::launch(op, y.device(), cuda::grid_for(y.numel() / lanes), unpack_words<T, lanes>,
                   y.numel() / lanes, size.columns, words, one, out);
    else
      cuda::launch(op, y.device(), cuda::grid_for(y.numel()), unpack_words<T, 1>, y.numel(),
                   size.columns, words, one, out);
  });
}

const CudaKernel pack_kernel(pack_kernels, pack);
const CudaKernel unpack_kernel(unpack_kernels, unpack);

}  // namespace
}  // namespace ranvier::detail
