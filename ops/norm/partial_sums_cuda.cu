// The sums of batch normalisation over the rows of x on a CUDA device, taken in one read.
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/ops/norm/detail/batch_norm_cuda.h"
#include "ranvier/ops/norm/detail/channel_sums_device.h"

namespace ranvier::norm::device {
namespace {

using cuda::load;
using cuda::load_as;
using cuda::Pack;
using cuda::widen;

constexpr const char* op = "batch_norm";
constexpr int sum_threads = 256;
/// Blocks of f32 sums that fit on a multiprocessor, and no more than a large device holds at once:
/// there are then few shares to add up.
constexpr int blocks_together = 3, sum_blocks = 384;

/// Terms x - origin and their square; the origin is the first row of each group.
template <class S>
struct MomentTerms {
  using R = Real<S>;
  const S* x;
  const S* origin;
  std::int64_t origin_step;  // from a group's origin to the next one's

  static constexpr int in_flight = 8;
  template <int lanes>
  struct Item {
    Pack<S, lanes> x;
  };
  template <int lanes>
  __device__ Item<lanes> read(std::int64_t at) const {
    return {load<S, lanes>(x + at)};
  }
  template <int lanes>
  __device__ static void add(const Item<lanes>& item, R origin, int i, R& sum, R& square) {
    const R d = widen<R>(item.x.lane[i]) - origin;
    sum += d;
    square += d * d;
  }
};

/// Terms g and g (x - centre).
template <class S>
struct GradientTerms {
  using R = Real<S>;
  const S *x, *grad;
  const R* origin;
  std::int64_t origin_step;

  static constexpr int in_flight = 4;
  template <int lanes>
  struct Item {
    Pack<S, lanes> x, grad;
  };
  template <int lanes>
  __device__ Item<lanes> read(std::int64_t at) const {
    return {load<S, lanes>(x + at), load<S, lanes>(grad + at)};
  }
  template <int lanes>
  __device__ static void add(const Item<lanes>& item, R centre, int i, R& sum, R& sum_x) {
    const R g = widen<R>(item.grad.lane[i]);
    sum += g;
    sum_x += g * (widen<R>(item.x.lane[i]) - centre);
  }
};

/// Some rows are added up in R before they join the f64 sums, where a rounding error in R is lost.
template <int lanes, class Terms>
__global__ void __launch_bounds__(sum_threads, sizeof(typename Terms::R) == 4 ? blocks_together : 1)
    sum_rows(const Terms terms, const Layout layout, double* partials) {
  using R = typename Terms::R;
  const Place place(layout);
  double first[lanes] = {}, second[lanes] = {};
  if (!place.idle) {
    const std::int64_t columns = layout.packs * lanes, step = layout.row_step();
    const auto origin =
        load_as<R, lanes>(terms.origin + place.group * terms.origin_step + place.pack * lanes);
    std::int64_t at = (place.group * layout.rows + place.row) * columns + place.pack * lanes;
    int left = static_cast<int>((layout.rows - place.row + step - 1) / step);
    for (; left > 0; left -= Terms::in_flight, at += Terms::in_flight * step * columns) {
      typename Terms::template Item<lanes> items[Terms::in_flight];
#pragma unroll
      for (int s = 0; s < Terms::in_flight; ++s)
        if (s < left) items[s] = terms.template read<lanes>(at + s * step * columns);
      R a[lanes] = {}, b[lanes] = {};
#pragma unroll
      for (int s = 0; s < Terms::in_flight; ++s)
#pragma unroll
        for (int i = 0; i < lanes; ++i)
          if (s < left) Terms::add(items[s], origin.lane[i], i, a[i], b[i]);
#pragma unroll
      for (int i = 0; i < lanes; ++i) {
        first[i] += static_cast<double>(a[i]);
        second[i] += static_cast<double>(b[i]);
      }
    }
  }
  leave_partials<sum_threads>(first, second, layout, place, partials);
}

/// Partial sums of `terms` over [groups, rows, channels].
template <int lanes, class Terms>
Tensor partial_sums(const Extent& extent, Device device, const Terms& terms) {
  const Layout layout =
      Layout::of(extent.rows, extent.channels / lanes, sum_threads, 16, sum_blocks);
  Tensor partials = partials_for(device, layout, extent.groups, extent.channels);
  if (partials.numel() > 0)
    cuda::launch(op, device, {static_cast<unsigned>(extent.groups) * layout.blocks(), sum_threads},
                 sum_rows<lanes, Terms>, terms, layout,
                 cuda::mutable_elements<double>(op, partials));
  return partials;
}

}  // namespace

template <class S>
Tensor moment_partials(Device device, const Extent& extent, const S* x) {
  const MomentTerms<S> terms{x, x, extent.rows * extent.channels};
  Tensor partials;
  cuda::visit_lanes_as<S>(extent.channels, {x}, {}, [&](auto lanes) {
    partials = partial_sums<decltype(lanes)::value>(extent, device, terms);
  });
  return partials;
}
template Tensor moment_partials(Device, const Extent&, const float*);
template Tensor moment_partials(Device, const Extent&, const double*);
template Tensor moment_partials(Device, const Extent&, const bfloat16*);
template Tensor moment_partials(Device, const Extent&, const float16*);

template <class S>
Tensor gradient_partials(Device device, const Extent& extent, const S* grad, const S* x,
                         const Real<S>* centre) {
  const GradientTerms<S> terms{x, grad, centre, extent.channels};
  Tensor partials;
  cuda::visit_lanes_as<S>(extent.channels, {x, grad}, {centre}, [&](auto lanes) {
    partials = partial_sums<decltype(lanes)::value>(extent, device, terms);
  });
  return partials;
}
template Tensor gradient_partials(Device, const Extent&, const float*, const float*, const float*);
template Tensor gradient_partials(Device, const Extent&, const double*, const double*,
                                  const double*);
template Tensor gradient_partials(Device, const Extent&, const bfloat16*, const bfloat16*,
                                  const float*);
template Tensor gradient_partials(Device, const Extent&, const float16*, const float16*,
                                  const float*);

}  // namespace ranvier::norm::device
