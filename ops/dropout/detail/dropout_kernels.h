// Where the random bits of a dropout mask lie, and the loop that applies them.
#pragma once

#include <cstdint>

#include "ranvier/core/dispatch.h"
#include "ranvier/core/random.h"

namespace ranvier::dropout_detail {

/// Elements share Philox blocks in tiles of 64, so that vectors of blocks give vectors of elements:
/// element 64 t + 16 w + l of a mask is kept if word w of block `first_block` + 16 t + l is at
/// least `threshold`.
struct Mask {
  std::uint64_t seed;
  std::uint64_t first_block;
  std::uint32_t threshold;
};
inline constexpr std::int64_t tile = 64, words_per_block = 4, lanes = tile / words_per_block;

/// A mask as it was drawn, for x [steps, pieces, count], of which steps or pieces is 1.
struct Drawn {
  RandomPlace place;
  std::uint32_t threshold;
  std::int64_t steps;   ///< that share the mask
  std::int64_t pieces;  ///< that have each a part of the mask
  std::int64_t origin;  ///< the element of the mask that the first of x has
  std::int64_t stride;  ///< elements of the mask from one piece to the next
  double scale;         ///< of what is kept

  /// Elements of x [steps, pieces, count] in a piece.
  std::int64_t count(const Tensor& x) const { return x.numel() / (steps * pieces); }
};

/// y = x, scaled where the mask keeps it and else 0, not empty; f32 or f64, or on CUDA devices of
/// 16 bit, scaled in f32.
using DropoutKernel = void(const Tensor& x, const Drawn& drawn, Tensor& y);
extern DeviceKernels<DropoutKernel> dropout_kernels;

/// Multiplies x [steps, count] by the same mask in every step, and by `scale` where it keeps. The
/// first element of a step has element `origin` of the mask; elements [begin, end) of the mask are
/// applied, as far as x has them. `begin` is a multiple of `tile`.
template <class R>
struct Span {
  const R* x;
  R* y;
  std::int64_t steps, count, origin, begin, end;
  R scale;
};

struct Kernels {
  void (*f32)(const Mask& mask, const Span<float>& span);
  void (*f64)(const Mask& mask, const Span<double>& span);
};

namespace isa_v2 {
extern const Kernels kernels;
}
namespace isa_v3 {
extern const Kernels kernels;
}
namespace isa_v4 {
extern const Kernels kernels;
}

}  // namespace ranvier::dropout_detail
