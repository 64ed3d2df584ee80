// Conversion between element types.
#include "ranvier/core/detail/convert_value.h"
#include "ranvier/core/detail/tensor_kernels.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/parallel.h"
#include "ranvier/core/tape.h"
#include "ranvier/core/tensor.h"

namespace ranvier {
namespace {

constexpr std::int64_t grain = 1 << 14;

void convert_cpu(const Tensor& source, Tensor& result) {
  detail::visit_numeric(source.dtype(), [&]<class From>(detail::Type<From>) {
    detail::visit_numeric(result.dtype(), [&]<class To>(detail::Type<To>) {
      const From* in = source.data<From>();
      To* out = result.mutable_data<To>();
      parallel_for(0, source.numel(), grain, [=](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) out[i] = detail::convert<From, To>(in[i]);
      });
    });
  });
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

namespace detail {
constinit DeviceKernels<ConvertKernel> convert_kernels{.cpu = convert_cpu};
}

Tensor Tensor::to(DType target) const {
  if (dtype() == target) return *this;
  Tensor result = empty(shape(), {.dtype = target, .device = device()});
  kernel_for("to", device(), detail::convert_kernels)(*this, result);
  if (is_floating(target) && is_floating(dtype()) && grad_needed({*this}))
    attach(std::make_shared<ToDTypeBackward>(dtype()), {*this}, {result});
  return result;
}

}  // namespace ranvier
