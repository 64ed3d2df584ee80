#include <algorithm>

#include "ranvier/ops/matmul/detail/event_product.h"
#include "ranvier/ops/matmul/detail/gemm.h"
#include "ranvier/ops/matmul/detail/matmul_kernels.h"
#include "ranvier/ops/spikes/detail/event_choice.h"
#include "ranvier/ops/spikes/detail/spike_kernels.h"

namespace ranvier::detail {
namespace {

std::int64_t rows_of(const Tensor& x) { return x.shape().sub(0, x.rank() - 1).numel(); }

Operand operand(const Tensor& x) { return {x.raw_data(), x.dtype(), x.size(-1)}; }

template <class T>
const T* array_or_null(const Tensor& tensor) {
  return tensor.defined() ? tensor.data<T>() : nullptr;
}

void product(const Gemm& spec, const Tensor& a, const Tensor& b, const Tensor& bias, Tensor& c) {
  if (c.dtype() == DType::f64)
    gemm(spec, a.data<double>(), b.data<double>(), array_or_null<double>(bias),
         c.mutable_data<double>());
  else
    gemm(spec, operand(a), operand(b), array_or_null<float>(bias), c.mutable_data<float>());
}

// gw = x^T gy as the product of the transposed spikes with the table gy.
void event_weight_gradient(const Tensor& x, const Tensor& gy, Tensor& gw) {
  const std::int64_t rows = rows_of(gy), in = x.size(-1);
  Tensor transposed = empty({in, rows}, {.dtype = DType::bits});
  transpose_spikes(x.data<std::uint64_t>(), rows, in, transposed.mutable_data<std::uint64_t>());
  event_product({.spikes = transposed.data<std::uint64_t>(),
                 .rows = in,
                 .depth = rows,
                 .table = gy.data<float>(),
                 .columns = gy.size(-1),
                 .out = gw.mutable_data<float>()});
}

void event_forward(const Tensor& x, const Tensor& weight, const Tensor& bias, DType compute,
                   const std::uint8_t* chosen, Tensor& y) {
  const RoundedArray table(weight.data<float>(), weight.numel(), compute);
  event_product({.spikes = x.data<std::uint64_t>(),
                 .rows = rows_of(x),
                 .depth = weight.size(0),
                 .table = table.data(),
                 .columns = weight.size(1),
                 .bias = array_or_null<float>(bias),
                 .out = y.mutable_data<float>(),
                 .chosen = chosen});
}

// The dense product of the rows that are not event-driven: closed up, multiplied into the first
// rows of y, and moved to their places from the last row on. Their number is rounded up, so that
// numbers that vary from call to call do not ask for ever new primitives of oneDNN; rows too many
// are no spikes, and their results are overwritten by the event-driven ones.
void dense_forward_of_rest(const Gemm& spec, const Tensor& x, const Tensor& weight,
                           const Tensor& bias, const EventChoice& choice, Tensor& y) {
  const std::int64_t words = words_per_row(spec.k), rest = spec.m - choice.events();
  const std::int64_t step = (spec.m + 15) / 16;
  Gemm rounded = spec;
  rounded.m = std::min(spec.m, (rest + step - 1) / step * step);
  const Storage closed_up(static_cast<std::size_t>(spec.m * words) * sizeof(std::uint64_t),
                          cpu_device);
  auto* const rows = reinterpret_cast<std::uint64_t*>(closed_up.data());
  auto* end = rows;
  for (std::int64_t row = 0; row < spec.m; ++row)
    if (choice.flags()[row] == 0)
      end = std::copy_n(x.data<std::uint64_t>() + row * words, words, end);
  std::fill(end, rows + rounded.m * words, std::uint64_t{0});
  float* const out = y.mutable_data<float>();
  gemm(rounded, {rows, DType::bits, spec.k}, operand(weight), array_or_null<float>(bias), out);
  const float* from = out + rest * spec.n;
  for (std::int64_t row = spec.m - 1; row >= 0; --row)
    if (choice.flags()[row] == 0) {
      from -= spec.n;
      if (from != out + row * spec.n) std::copy_n(from, spec.n, out + row * spec.n);
    }
}

void input_gradient(const Tensor& gy, const Tensor& weight, DType compute, Tensor& gx) {
  const Gemm spec{.m = rows_of(gy),
                  .n = weight.size(0),
                  .k = weight.size(1),
                  .transpose_b = true,
                  .compute = compute};
  product(spec, gy, weight, {}, gx);
}

void bias_gradient(const Tensor& gy, Tensor& gb) {
  if (gy.dtype() == DType::f64)
    column_sums(gy.data<double>(), rows_of(gy), gy.size(-1), gb.mutable_data<double>());
  else
    column_sums(gy.data<float>(), rows_of(gy), gy.size(-1), gb.mutable_data<float>());
}

void weight_gradient(const Tensor& x, const Tensor& gy, DType compute, Tensor& gw, Tensor& gb) {
  if (gb.defined()) bias_gradient(gy, gb);
  if (choose_events({&EventThresholds::linear_weight_gradient, compute, rows_of(gy), gy.size(-1)},
                    x))
    return event_weight_gradient(x, gy, gw);
  const Gemm spec{
      .m = x.size(-1), .n = gy.size(-1), .k = rows_of(gy), .transpose_a = true, .compute = compute};
  product(spec, x, gy, {}, gw);
}

void forward(const Tensor& x, const Tensor& weight, const Tensor& bias, DType compute, Tensor& y) {
  const Gemm spec{.m = rows_of(x), .n = weight.size(1), .k = weight.size(0), .compute = compute};
  if (x.dtype() != DType::bits) return product(spec, x, weight, bias, y);
  const EventChoice choice({&EventThresholds::linear_forward, compute, spec.k, spec.n}, x, spec.m,
                           words_per_row(spec.k), spec.k);
  if (choice.events() == 0) return product(spec, x, weight, bias, y);
  if (choice.events() < spec.m) dense_forward_of_rest(spec, x, weight, bias, choice, y);
  event_forward(x, weight, bias, compute, choice.flags(), y);
}

}  // namespace

constinit DeviceKernels<LinearForwardKernel> linear_forward_kernels{.cpu = forward};
constinit DeviceKernels<LinearInputGradientKernel> linear_input_gradient_kernels{
    .cpu = input_gradient};
constinit DeviceKernels<LinearWeightGradientKernel> linear_weight_gradient_kernels{
    .cpu = weight_gradient};
constinit DeviceKernels<BiasGradientKernel> bias_gradient_kernels{.cpu = bias_gradient};

}  // namespace ranvier::detail
