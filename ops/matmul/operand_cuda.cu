// Conversions around products: 16-byte accesses, one pass each.
#include "ranvier/core/detail/convert_value.h"
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/matmul/detail/cuda_operand.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::Computed;
using ranvier::detail::convert;
using ranvier::detail::Type;

bool aligned(const void* array, std::size_t bytes) {
  return reinterpret_cast<std::uintptr_t>(array) % bytes == 0;
}

// Calls `body` with the element type of a dtype that products compute in.
template <class Body>
void visit_compute(const char* op, DType dtype, Body&& body) {
  if (dtype == DType::f32) return body(Type<float>{});
  if (dtype == DType::f16) return body(Type<float16>{});
  if (dtype == DType::bf16) return body(Type<bfloat16>{});
  fail(ErrorCode::invalid_argument, "[{}] cannot multiply in {}.", op, dtype);
}

template <class To>
void convert_floats(const char* op, const Tensor& x, Tensor& result) {
  const float* const in = elements<float>(op, x);
  To* const out = mutable_elements<To>(op, result);
  const std::int64_t count = x.numel();
  const bool whole_packs = aligned(in, 16) && aligned(out, sizeof(Pack<To, 4>));
  for_each(op, x.device(), (count + 3) / 4, [=] __device__(std::int64_t i) {
    const std::int64_t first = 4 * i;
    if (whole_packs && first + 4 <= count) {
      const auto values = reinterpret_cast<const Pack<float, 4>*>(in)[i];
      Pack<To, 4> converted;
      for (int k = 0; k < 4; ++k) converted.lane[k] = convert<float, To>(values.lane[k]);
      reinterpret_cast<Pack<To, 4>*>(out)[i] = converted;
    } else {
      for (std::int64_t k = first; k < first + 4 && k < count; ++k)
        out[k] = convert<float, To>(in[k]);
    }
  });
}

// A thread writes 8 columns of a row of packed spikes, or what is left of it.
template <class To>
void unpack_spikes(const char* op, const Tensor& x, Tensor& result) {
  const std::uint64_t* const words = elements<std::uint64_t>(op, x);
  To* const out = mutable_elements<To>(op, result);
  const std::int64_t columns = x.size(-1);
  if (columns == 0) return;
  const std::int64_t stride = words_per_row(columns), groups = (columns + 7) / 8;
  const bool whole_packs = columns % 8 == 0;
  const To zero = convert<float, To>(0.0f), one = convert<float, To>(1.0f);
  for_each(op, x.device(), x.numel() / columns * groups, [=] __device__(std::int64_t i) {
    const std::int64_t row = i / groups, first = i % groups * 8;
    const auto bits =
        static_cast<unsigned>(words[row * stride + first / 64] >> (first % 64)) & 0xffu;
    To* const to = out + row * columns + first;
    Pack<To, 4> low, high;
    for (int k = 0; k < 4; ++k) {
      low.lane[k] = (bits >> k & 1u) != 0 ? one : zero;
      high.lane[k] = (bits >> (k + 4) & 1u) != 0 ? one : zero;
    }
    if (whole_packs) {
      reinterpret_cast<Pack<To, 4>*>(to)[0] = low;
      reinterpret_cast<Pack<To, 4>*>(to)[1] = high;
    } else {
      for (int k = 0; k < 8 && first + k < columns; ++k) to[k] = (bits >> k & 1u) != 0 ? one : zero;
    }
  });
}

Tensor spikes_as(const char* op, const Tensor& x, DType dtype) {
  Tensor result = empty(x.shape(), {.dtype = dtype, .device = x.device()});
  visit_compute(op, dtype, [&]<class To>(Type<To>) { unpack_spikes<To>(op, x, result); });
  return result;
}

template <class T>
void fill_rows_of(const char* op, const Tensor& bias, Tensor& y) {
  using R = Computed<T>;
  const R* const values = elements_or_null<R>(op, bias);
  T* const out = mutable_elements<T>(op, y);
  const std::int64_t columns = y.size(-1);
  for_each(op, y.device(), y.numel(), [=] __device__(std::int64_t i) {
    out[i] = narrow<T>(values == nullptr ? R(0) : values[i % columns]);
  });
}

template <class T>
void add_to_rows_of(const char* op, const Tensor& bias, Tensor& y) {
  using R = Computed<T>;
  const R* const values = elements<R>(op, bias);
  T* const out = mutable_elements<T>(op, y);
  const std::int64_t columns = y.size(-1), count = y.numel();
  const bool whole_packs = columns % 4 == 0 && aligned(out, sizeof(Pack<T, 4>));
  for_each(op, y.device(), (count + 3) / 4, [=] __device__(std::int64_t i) {
    const std::int64_t first = 4 * i;
    if (whole_packs) {
      auto sums = load_as<R, 4>(out + first);
      for (int k = 0; k < 4; ++k) sums.lane[k] += values[first % columns + k];
      store_as(out + first, sums);
    } else {
      for (std::int64_t k = first; k < first + 4 && k < count; ++k)
        out[k] = narrow<T>(widen<R>(out[k]) + values[k % columns]);
    }
  });
}

}  // namespace

Tensor operand(const char* op, const Tensor& x, DType compute) {
  if (x.dtype() == compute) return x;
  if (x.dtype() == DType::bits) return spikes_as(op, x, compute);
  Tensor result = empty(x.shape(), {.dtype = compute, .device = x.device()});
  visit_compute(op, compute, [&]<class To>(Type<To>) { convert_floats<To>(op, x, result); });
  return result;
}

Tensor wide_operand(const char* op, const Tensor& x) {
  if (x.dtype() == DType::bits) return spikes_as(op, x, DType::f32);
  return x.dtype() == DType::f64 ? x : x.to(DType::f32);
}

void fill_rows(const char* op, const Tensor& bias, Tensor& y) {
  ranvier::detail::visit_floating(op, y.dtype(),
                                  [&]<class T>(Type<T>) { fill_rows_of<T>(op, bias, y); });
}

void add_to_rows(const char* op, const Tensor& bias, Tensor& y) {
  ranvier::detail::visit_floating(op, y.dtype(),
                                  [&]<class T>(Type<T>) { add_to_rows_of<T>(op, bias, y); });
}

}  // namespace ranvier::cuda
