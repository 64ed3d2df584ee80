// Elementwise kernels: out[i] = body(in[i]...), 16 bytes at a time where the arrays allow it.
#pragma once

#include <algorithm>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"

namespace ranvier::cuda {

/// Neighbours that a thread computes: 16 bytes of the widest type, but one of 8 bytes: f64 is for
/// checks, and its divisions and exponentials are calls that leave few registers.
template <class... Types>
inline constexpr int map_lanes = std::max({sizeof(Types)...}) == 8
                                     ? 1
                                     : static_cast<int>(16 / std::max({sizeof(Types)...}));

namespace kernels {
template <class R, int lanes, class Body, class... In>
__device__ __forceinline__ Pack<R, lanes> apply(const Body& body, const Pack<In, lanes>&... in) {
  Pack<R, lanes> out;
#pragma unroll
  for (int i = 0; i < lanes; ++i) out.lane[i] = body(in.lane[i]...);
  return out;
}

template <class R, int lanes, class Body, class... In>
__global__ void __launch_bounds__(block_threads)
    map(std::int64_t count, const Body body, R* out, const In*... in) {
  const std::int64_t first =
      (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * lanes;
  if (first + lanes <= count) {
    store<R, lanes>(out + first, apply<R, lanes>(body, load<In, lanes>(in + first)...));
  } else {
    for (std::int64_t i = first; i < count; ++i) out[i] = body(in[i]...);
  }
}
}  // namespace kernels

/// out[i] = body(in[i]...) for each i in [0, count); `out` may be one of `in`. `body` is a
/// __device__ lambda.
template <class R, class Body, class... In>
void map(const char* op, Device device, std::int64_t count, const Body& body, R* out,
         const In*... in) {
  if (count == 0) return;
  constexpr int lanes = map_lanes<R, In...>;
  if (lanes > 1 && in_packs<R>(full_lanes<R>, {out, in...}))
    launch(op, device, grid_for((count + lanes - 1) / lanes), kernels::map<R, lanes, Body, In...>,
           count, body, out, in...);
  else
    launch(op, device, grid_for(count), kernels::map<R, 1, Body, In...>, count, body, out, in...);
}

}  // namespace ranvier::cuda
