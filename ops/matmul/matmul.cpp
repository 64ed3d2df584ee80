#include "ranvier/ops/matmul/matmul.h"

#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/dispatch.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/matmul/detail/matmul_gradients.h"
#include "ranvier/ops/matmul/detail/matmul_kernels.h"

namespace ranvier {
namespace {

struct MatmulBackward final : Node {
  MatmulBackward(const Tensor& a_in, const Tensor& b_in, DType compute_in)
      : a_form(a_in), b_form(b_in), compute(compute_in) {
    if (b_in.requires_grad()) a = a_in;
    if (a_in.requires_grad()) b = b_in;
  }
  Saved a, b;
  detail::GradientForm a_form, b_form;
  DType compute;

  const char* name() const override { return "MatmulBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Tensor& gy = grads[0];
    std::vector<Tensor> result(2);
    if (needs(0)) result[0] = detail::gradient_of_input("matmul", gy, b.get(), a_form, compute);
    if (needs(1))
      result[1] = detail::gradient_of_weight("matmul", a.get(), gy, compute).to(b_form.dtype);
    return result;
  }
  void release() override {
    a.reset();
    b.reset();
  }
};

void check_matmul(const Tensor& a, const Tensor& b) {
  RV_CHECK(a.rank() == 2 && b.rank() == 2, "[matmul] a and b must be matrices; got {} and {}.",
           a.shape(), b.shape());
  RV_CHECK(a.size(1) == b.size(0),
           "[matmul] the inner extents of a and b must be equal; got a {} and b {}.", a.shape(),
           b.shape());
  RV_CHECK(is_floating(a.dtype()) && is_floating(b.dtype()) &&
               (a.dtype() == DType::f64) == (b.dtype() == DType::f64),
           "[matmul] a and b must both be f64, or each f32 or 16-bit floats; got {} and {}.",
           a.dtype(), b.dtype());
  RV_CHECK(a.device() == b.device(), "[matmul] a and b must be on one device; got {} and {}.",
           a.device(), b.device());
}

}  // namespace

Tensor matmul(const Tensor& left, const Tensor& right) {
  const OperationScope operation("matmul");
  check_matmul(left, right);
  const DType compute = autocast_dtype(left.device());
  const Tensor a = detail::product_input(left, compute), b = detail::product_input(right, compute);
  Tensor c = empty({a.size(0), b.size(1)},
                   {.dtype = detail::product_dtype(a, compute), .device = a.device()});
  kernel_for("matmul", a.device(), detail::linear_forward_kernels)(a, b, {}, compute, c);
  if (grad_needed({a, b})) attach(std::make_shared<MatmulBackward>(a, b, compute), {a, b}, {c});
  return c;
}

}  // namespace ranvier
