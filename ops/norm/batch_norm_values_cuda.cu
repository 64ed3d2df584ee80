// What batch normalisation does with each value on a CUDA device: a thread takes a pack of channels
// of some rows, whose coefficients stay in its registers.
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/ops/neurons/math.h"
#include "ranvier/ops/norm/detail/batch_norm_cuda.h"
#include "ranvier/ops/norm/detail/rows_device.h"

namespace ranvier::norm::device {
namespace {

using cuda::elements;
using cuda::load;
using cuda::load_as;
using cuda::mutable_elements;
using cuda::Pack;
using cuda::store_as;
using cuda::widen;
using neurons::mul_add;
using ranvier::detail::Type;

constexpr const char* op = "batch_norm";
constexpr int row_threads = 256;

template <class Body>
void visit(DType dtype, Body&& body) {
  ranvier::detail::visit_floating(op, dtype, body);
}

/// y = fma(x, scale, shift)
template <class S, class X>
struct Apply {
  using R = Real<S>;
  const X* x;
  const R *scale, *shift;
  S* y;

  template <int lanes>
  struct Item {
    Pack<X, lanes> x;
  };
  template <int lanes>
  struct Coefficients {
    Pack<R, lanes> scale, shift;
  };
  template <int lanes>
  __device__ Coefficients<lanes> coefficients(std::int64_t c) const {
    return {load<R, lanes>(scale + c), load<R, lanes>(shift + c)};
  }
  template <int lanes>
  __device__ Item<lanes> read(std::int64_t at) const {
    return {load<X, lanes>(x + at)};
  }
  template <int lanes>
  __device__ void write(std::int64_t at, const Item<lanes>& item,
                        const Coefficients<lanes>& by) const {
    auto values = widen<R>(item.x);
#pragma unroll
    for (int i = 0; i < lanes; ++i)
      values.lane[i] = mul_add(values.lane[i], by.scale.lane[i], by.shift.lane[i]);
    store_as(y + at, values);
  }
};

template <class S, class G>
struct InputGradient {
  using R = Real<S>;
  GradientArrays<S, G> of;

  template <int lanes>
  struct Item {
    Pack<G, lanes> grad;
    Pack<S, lanes> x;
  };
  template <int lanes>
  struct Coefficients {
    Pack<R, lanes> scale, slope, centre, offset;
  };
  template <int lanes>
  __device__ Coefficients<lanes> coefficients(std::int64_t c) const {
    return {load<R, lanes>(of.scale + c), load<R, lanes>(of.slope + c),
            load<R, lanes>(of.centre + c), load<R, lanes>(of.offset + c)};
  }
  template <int lanes>
  __device__ Item<lanes> read(std::int64_t at) const {
    return {load<G, lanes>(of.grad + at), load<S, lanes>(of.x + at)};
  }
  template <int lanes>
  __device__ void write(std::int64_t at, const Item<lanes>& item,
                        const Coefficients<lanes>& by) const {
    auto g = widen<R>(item.grad);
    const auto x = widen<R>(item.x);
#pragma unroll
    for (int i = 0; i < lanes; ++i)
      g.lane[i] =
          mul_add(by.scale.lane[i], g.lane[i],
                  mul_add(by.slope.lane[i], x.lane[i] - by.centre.lane[i], by.offset.lane[i]));
    store_as(of.grad_x + at, g);
  }
};

template <int lanes, class Map>
__global__ void __launch_bounds__(row_threads, 1) map_rows(const Layout layout, const Map map) {
  constexpr int in_flight = 4;
  const Place place(layout);
  if (place.idle) return;
  const std::int64_t columns = layout.packs * lanes, step = layout.row_step();
  const std::int64_t base = place.group * layout.rows * columns + place.pack * lanes;
  const auto by = map.template coefficients<lanes>(place.group * columns + place.pack * lanes);
  for (std::int64_t row = place.row; row < layout.rows; row += in_flight * step) {
    typename Map::template Item<lanes> items[in_flight];
#pragma unroll
    for (int s = 0; s < in_flight; ++s)
      if (row + s * step < layout.rows)
        items[s] = map.template read<lanes>(base + (row + s * step) * columns);
#pragma unroll
    for (int s = 0; s < in_flight; ++s)
      if (row + s * step < layout.rows)
        map.template write<lanes>(base + (row + s * step) * columns, items[s], by);
  }
}

template <int lanes, class Map>
void launch_map(Device device, const Extent& extent, const Map& map) {
  const Layout layout =
      Layout::of(extent.rows, extent.channels / lanes, row_threads, 4, std::int64_t{1} << 30);
  const unsigned blocks = static_cast<unsigned>(extent.groups) * layout.blocks();
  if (blocks > 0)
    cuda::launch(op, device, {blocks, row_threads}, map_rows<lanes, Map>, layout, map);
}

/// Calls `body(std::integral_constant<int, lanes>)` with the lanes that all arrays allow: those
/// stored as S, as G, which may be the same, and the coefficients.
template <class S, class G, class Body>
void visit_arrays(std::int64_t channels, std::initializer_list<const void*> of_s, const G* of_g,
                  std::initializer_list<const void*> coefficients, const Body& body) {
  constexpr int lanes = cuda::full_lanes<Real<S>>;
  if (cuda::in_packs<S, lanes>(channels, of_s) && cuda::in_packs<G, lanes>(channels, {of_g}) &&
      cuda::in_packs<Real<S>>(channels, coefficients))
    body(std::integral_constant<int, lanes>{});
  else
    body(std::integral_constant<int, 1>{});
}

}  // namespace

template <class S, class X>
void apply(Device device, const Extent& extent, const X* x, const Real<S>* scale,
           const Real<S>* shift, S* y) {
  visit_arrays<S>(extent.channels, {y}, x, {scale, shift}, [&](auto lanes) {
    launch_map<decltype(lanes)::value>(device, extent, Apply<S, X>{x, scale, shift, y});
  });
}
template void apply(Device, const Extent&, const float*, const float*, const float*, float*);
template void apply(Device, const Extent&, const double*, const double*, const double*, double*);
template void apply(Device, const Extent&, const bfloat16*, const float*, const float*, bfloat16*);
template void apply(Device, const Extent&, const float16*, const float*, const float*, float16*);
template void apply(Device, const Extent&, const float*, const float*, const float*, bfloat16*);
template void apply(Device, const Extent&, const float*, const float*, const float*, float16*);

template <class S, class G>
void input_gradient(Device device, const Extent& extent, const GradientArrays<S, G>& of) {
  visit_arrays<S>(extent.channels, {of.x, of.grad_x}, of.grad,
                  {of.scale, of.slope, of.centre, of.offset}, [&](auto lanes) {
                    launch_map<decltype(lanes)::value>(device, extent, InputGradient<S, G>{of});
                  });
}
template void input_gradient(Device, const Extent&, const GradientArrays<float>&);
template void input_gradient(Device, const Extent&, const GradientArrays<double>&);
template void input_gradient(Device, const Extent&, const GradientArrays<bfloat16>&);
template void input_gradient(Device, const Extent&, const GradientArrays<float16>&);
template void input_gradient(Device, const Extent&, const GradientArrays<bfloat16, float>&);
template void input_gradient(Device, const Extent&, const GradientArrays<float16, float>&);

namespace {

template <class S>
void apply_to(const Tensor& x, const Tensor& scale, const Tensor& shift, Tensor& y) {
  apply(x.device(), Extent(x, scale.size(0)), elements<S>(op, x), elements<Real<S>>(op, scale),
        elements<Real<S>>(op, shift), mutable_elements<S>(op, y));
}

void apply_affine(const Tensor& x, const BatchAffine& of, Tensor& y) {
  visit(x.dtype(), [&]<class S>(Type<S>) { apply_to<S>(x, of.scale, of.shift, y); });
}

void gradient_of_input(const Tensor& grad, const Tensor& x, const Normalisation& of,
                       const Gradient& by, Tensor& grad_x) {
  visit(x.dtype(), [&]<class S>(Type<S>) {
    using R = Real<S>;
    if (of.statistics.count == 0) return apply_to<S>(grad, by.scale, by.offset, grad_x);
    input_gradient(
        x.device(), Extent(x, by.scale.size(0)),
        GradientArrays<S>{elements<S>(op, grad), elements<S>(op, x), elements<R>(op, by.scale),
                          elements<R>(op, by.slope), elements<R>(op, of.centre),
                          elements<R>(op, by.offset), mutable_elements<S>(op, grad_x)});
  });
}

const CudaKernel apply_kernel(apply_kernels, apply_affine);
const CudaKernel input_gradient_kernel(input_gradient_kernels, gradient_of_input);

}  // namespace
}  // namespace ranvier::norm::device
