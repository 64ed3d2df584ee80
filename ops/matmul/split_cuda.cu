#include "ranvier/core/autocast.h"
#include "ranvier/ops/matmul/detail/cuda_split.h"
#include "ranvier/ops/matmul/detail/split.h"

namespace ranvier::cuda {

using ranvier::detail::Gemm;

namespace {

// What a block can have of shared memory, if it asks.
std::int64_t most_shared_bytes(const char* op, Device device) {
  int bytes = 0;
  check(op, cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device.index));
  return bytes;
}

}  // namespace

bool split_product(const char* op, const Gemm& g, const Tensor& a, const Tensor& b,
                   const Tensor& bias, Tensor& c, Tensor& sums) {
  constexpr std::int64_t least_rows = 4096, most_rows = std::int64_t{1} << 30;
  constexpr std::int64_t most_columns = 128, most_depth = 128;
  constexpr std::int64_t shared_bytes = std::int64_t{160} << 10;  // of the largest product
  if (g.compute != DType::f32 || c.dtype() != DType::f32 || tf32() ||
      most_shared_bytes(op, c.device()) < shared_bytes)
    return false;
  if (g.transpose_a) {
    if (g.transpose_b || g.m > most_columns || g.n > most_columns || g.k < least_rows) return false;
    split::multiply_columns(op, g, a, b, c, sums);
  } else {
    if (g.k > most_depth || g.n > most_columns || g.m < least_rows || g.m > most_rows) return false;
    split::multiply_rows(op, g, a, b, bias, c);
  }
  return true;
}

}  // namespace ranvier::cuda
