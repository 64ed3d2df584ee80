// What batch normalisation does with each value on a CUDA device, 16 bytes at a time.
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/neurons/math.h"
#include "ranvier/ops/norm/detail/batch_norm_cuda.h"

namespace ranvier::norm::device {
namespace {

using cuda::elements;
using cuda::load;
using cuda::mutable_elements;
using cuda::store;
using cuda::visit_lanes;
using neurons::mul_add;
using ranvier::detail::Type;

constexpr const char* op = "batch_norm";

template <class Body>
void visit(DType dtype, Body&& body) {
  ranvier::detail::visit_real(op, dtype, body);
}

/// Where the coefficients of each pack of [groups, rows, packs] are.
struct Coefficients {
  std::int64_t packs, group_packs;
  bool one_group;

  Coefficients(const Extent& extent, int lanes)
      : packs(extent.channels / lanes),
        group_packs(extent.rows * packs),
        one_group(extent.groups == 1) {}
  __device__ std::int64_t of(std::int64_t pack) const {
    return pack % packs + (one_group ? 0 : pack / group_packs * packs);
  }
};

template <class R, int lanes>
void apply_packs(Device device, const Extent& extent, const R* x, const R* scale, const R* shift,
                 R* y) {
  const Coefficients coefficients(extent, lanes);
  cuda::for_each(op, device, extent.groups * coefficients.group_packs,
                 [=] __device__(std::int64_t pack) {
                   const std::int64_t c = coefficients.of(pack) * lanes;
                   auto values = load<R, lanes>(x + pack * lanes);
                   const auto a = load<R, lanes>(scale + c), b = load<R, lanes>(shift + c);
#pragma unroll
                   for (int i = 0; i < lanes; ++i)
                     values.lane[i] = mul_add(values.lane[i], a.lane[i], b.lane[i]);
                   store<R, lanes>(y + pack * lanes, values);
                 });
}

template <class R, int lanes>
void input_gradient_packs(Device device, const Extent& extent, const GradientArrays<R>& of) {
  const Coefficients coefficients(extent, lanes);
  cuda::for_each(
      op, device, extent.groups * coefficients.group_packs, [=] __device__(std::int64_t pack) {
        const std::int64_t at = pack * lanes, c = coefficients.of(pack) * lanes;
        auto g = load<R, lanes>(of.grad + at);
        const auto x = load<R, lanes>(of.x + at);
        const auto scale = load<R, lanes>(of.scale + c);
        const auto slope = load<R, lanes>(of.slope + c);
        const auto centre = load<R, lanes>(of.centre + c);
        const auto offset = load<R, lanes>(of.offset + c);
#pragma unroll
        for (int i = 0; i < lanes; ++i)
          g.lane[i] = mul_add(scale.lane[i], g.lane[i],
                              mul_add(slope.lane[i], x.lane[i] - centre.lane[i], offset.lane[i]));
        store<R, lanes>(of.grad_x + at, g);
      });
}

}  // namespace

template <class R>
void apply(Device device, const Extent& extent, const R* x, const R* scale, const R* shift, R* y) {
  visit_lanes<R>(extent.channels, {x, scale, shift, y}, [&](auto lanes) {
    apply_packs<R, decltype(lanes)::value>(device, extent, x, scale, shift, y);
  });
}
template void apply(Device, const Extent&, const float*, const float*, const float*, float*);
template void apply(Device, const Extent&, const double*, const double*, const double*, double*);

template <class R>
void input_gradient(Device device, const Extent& extent, const GradientArrays<R>& of) {
  visit_lanes<R>(
      extent.channels, {of.grad, of.x, of.scale, of.slope, of.centre, of.offset, of.grad_x},
      [&](auto lanes) { input_gradient_packs<R, decltype(lanes)::value>(device, extent, of); });
}
template void input_gradient(Device, const Extent&, const GradientArrays<float>&);
template void input_gradient(Device, const Extent&, const GradientArrays<double>&);

namespace {

template <class R>
void apply_to(const Tensor& x, const Tensor& scale, const Tensor& shift, Tensor& y) {
  apply(x.device(), Extent(x, scale.size(0)), elements<R>(op, x), elements<R>(op, scale),
        elements<R>(op, shift), mutable_elements<R>(op, y));
}

void apply_affine(const Tensor& x, const BatchAffine& of, Tensor& y) {
  visit(x.dtype(), [&]<class R>(Type<R>) { apply_to<R>(x, of.scale, of.shift, y); });
}

void gradient_of_input(const Tensor& grad, const Tensor& x, const Normalisation& of,
                       const Gradient& by, Tensor& grad_x) {
  visit(x.dtype(), [&]<class R>(Type<R>) {
    if (of.statistics.count == 0) return apply_to<R>(grad, by.scale, by.offset, grad_x);
    input_gradient(
        x.device(), Extent(x, by.scale.size(0)),
        GradientArrays<R>{elements<R>(op, grad), elements<R>(op, x), elements<R>(op, by.scale),
                          elements<R>(op, by.slope), elements<R>(op, of.centre),
                          elements<R>(op, by.offset), mutable_elements<R>(op, grad_x)});
  });
}

const CudaKernel apply_kernel(apply_kernels, apply_affine);
const CudaKernel input_gradient_kernel(input_gradient_kernels, gradient_of_input);

}  // namespace
}  // namespace ranvier::norm::device
