// Conversion between element types.
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/parallel.h"
#include "ranvier/core/tape.h"
#include "ranvier/core/tensor.h"

namespace ranvier {
namespace {

constexpr std::int64_t grain = 1 << 14;

template <class From, class To>
To convert(From value) {
  // 16-bit floats go through f32, all else directly, so that i64 to f64 and f64 to f64 stay exact.
  constexpr bool from_half = std::is_same_v<From, float16> || std::is_same_v<From, bfloat16>;
  constexpr bool to_half = std::is_same_v<To, float16> || std::is_same_v<To, bfloat16>;
  if constexpr (std::is_same_v<From, To>) {
    return value;
  } else if constexpr (from_half) {
    return convert<float, To>(to_float(value));
  } else if constexpr (to_half) {
    if constexpr (std::is_same_v<To, float16>)
      return to_float16(static_cast<float>(value));
    else
      return to_bfloat16(static_cast<float>(value));
  } else {
    return static_cast<To>(value);
  }
}

Tensor converted(const Tensor& source, DType dtype) {
  Tensor result = empty(source.shape(), {.dtype = dtype, .device = source.device()});
  detail::visit_numeric(source.dtype(), [&]<class From>(detail::Type<From>) {
    detail::visit_numeric(dtype, [&]<class To>(detail::Type<To>) {
      const From* in = source.data<From>();
      To* out = result.mutable_data<To>();
      parallel_for(0, source.numel(), grain, [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) out[i] = convert<From, To>(in[i]);
      });
    });
  });
  return result;
}

struct ToDTypeBackward final : Node {
  explicit ToDTypeBackward(DType from) : source_dtype(from) {}
  DType source_dtype;

  const char* name() const override { return "ToDTypeBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    return {grads[0].to(source_dtype)};
  }
};

}  // namespace

Tensor Tensor::to(DType target) const {
  if (dtype() == target) return *this;
  Tensor result = converted(*this, target);
  if (is_floating(target) && is_floating(dtype()) && grad_needed({*this}))
    attach(std::make_shared<ToDTypeBackward>(dtype()), {*this}, {result});
  return result;
}

}  // namespace ranvier
