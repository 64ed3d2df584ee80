#include "ranvier/ops/matmul/matmul.h"

#include "ranvier/core/autocast.h"
#include "ranvier/core/dispatch.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/matmul/detail/matmul_gradients.h"
#include "ranvier/ops/matmul/detail/matmul_kernels.h"

namespace ranvier {
namespace {

struct MatmulBackward final : Node {
  MatmulBackward(const Tensor& a_in, const Tensor& b_in, DType compute_in) : compute(compute_in) {
    if (b_in.requires_grad()) a = a_in;
    if (a_in.requires_grad()) b = b_in;
  }
  Saved a, b;
  DType compute;

  const char* name() const override { return "MatmulBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Tensor& gy = grads[0];
    std::vector<Tensor> result(2);
    if (needs(0)) {
      const Shape shape{gy.size(0), b.get().size(0)};
      result[0] = detail::gradient_of_input("matmul", gy, b.get(), shape, compute);
    }
    if (needs(1)) result[1] = detail::gradient_of_weight("matmul", a.get(), gy, compute);
    return result;
  }
  void release() override {
    a.reset();
    b.reset();
  }
};

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  RV_CHECK(a.rank() == 2 && b.rank() == 2, "[matmul] a and b must be matrices; got {} and {}.",
           a.shape(), b.shape());
  RV_CHECK(a.size(1) == b.size(0),
           "[matmul] the inner extents of a and b must be equal; got a {} and b {}.", a.shape(),
           b.shape());
  RV_CHECK(a.dtype() == DType::f32 || a.dtype() == DType::f64,
           "[matmul] a must be f32 or f64; got {}.", a.dtype());
  RV_CHECK(a.dtype() == b.dtype() && a.device() == b.device(),
           "[matmul] a and b must have one dtype and device; got {} on {} and {} on {}.", a.dtype(),
           a.device(), b.dtype(), b.device());
  Tensor c = empty({a.size(0), b.size(1)}, {.dtype = a.dtype(), .device = a.device()});
  kernel_for("matmul", a.device(), detail::linear_forward_kernels)(a, b, {},
                                                                   autocast_dtype(a.device()), c);
  if (grad_needed({a, b}))
    attach(std::make_shared<MatmulBackward>(a, b, autocast_dtype(a.device())), {a, b}, {c});
  return c;
}

}  // namespace ranvier
