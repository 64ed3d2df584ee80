#include "ranvier/ops/matmul/linear.h"

#include <tuple>

#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/dispatch.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/matmul/detail/matmul_gradients.h"
#include "ranvier/ops/matmul/detail/matmul_kernels.h"

namespace ranvier {
namespace {

struct LinearBackward final : Node {
  LinearBackward(const Tensor& x_in, DType compute_in) : x_form(x_in), compute(compute_in) {}
  Saved x, weight;  // as they were multiplied
  detail::GradientForm x_form;
  DType compute;

  const char* name() const override { return "LinearBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Tensor& gy = grads[0];
    std::vector<Tensor> result(3);
    if (needs(0))
      result[0] = detail::gradient_of_input("linear", gy, weight.get(), x_form, compute);
    if (needs(1) && needs(2))
      std::tie(result[1], result[2]) = detail::gradients_of_layer("linear", x.get(), gy, compute);
    else if (needs(1))
      result[1] = detail::gradient_of_weight("linear", x.get(), gy, compute);
    else if (needs(2))
      result[2] = detail::gradient_of_bias("linear", gy);
    return result;
  }
  void release() override {
    x.reset();
    weight.reset();
  }
};

void check_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  RV_CHECK(weight.rank() == 2, "[linear] weight must be (in, out); got {}.", weight.shape());
  RV_CHECK(x.rank() >= 1, "[linear] x must have at least one axis; got {}.", x.shape());
  RV_CHECK(x.size(-1) == weight.size(0),
           "[linear] the last axis of x must equal weight's first; got {} and {}.", x.shape(),
           weight.shape());
  RV_CHECK(weight.dtype() == DType::f32 || weight.dtype() == DType::f64,
           "[linear] weight must be f32 or f64; got {}.", weight.dtype());
  RV_CHECK(detail::can_multiply(x, weight),
           "[linear] x must have weight's dtype, or be 16-bit floats or packed spikes with an f32 "
           "weight; got x {} and weight {}.",
           x.dtype(), weight.dtype());
  RV_CHECK(x.device() == weight.device(),
           "[linear] x and weight must be on one device; got {} and {}.", x.device(),
           weight.device());
  if (!bias.defined()) return;
  RV_CHECK(bias.shape() == Shape{weight.size(1)}, "[linear] bias must be ({},); got {}.",
           weight.size(1), bias.shape());
  RV_CHECK(bias.dtype() == weight.dtype() && bias.device() == weight.device(),
           "[linear] bias must be {} on {} as weight is; got {} on {}.", weight.dtype(),
           weight.device(), bias.dtype(), bias.device());
}

}  // namespace

Tensor linear(const Tensor& given, const Tensor& weight, const Tensor& bias) {
  const OperationScope operation("linear");
  check_linear(given, weight, bias);
  const DType compute = autocast_dtype(given.device());
  const Tensor x = detail::product_input(given, compute);
  Tensor y = empty(x.shape().with(-1, weight.size(1)),
                   {.dtype = detail::product_dtype(weight, compute), .device = weight.device()});
  const Tensor rows = detail::product_operand(x, compute);
  const Tensor matrix = detail::product_weight(weight, compute);
  kernel_for("linear", x.device(), detail::linear_forward_kernels)(rows, matrix, bias, compute, y);
  if (grad_needed({x, weight, bias})) {
    auto node = std::make_shared<LinearBackward>(x, compute);
    if (weight.requires_grad()) node->x = rows;
    if (x.requires_grad()) node->weight = matrix;
    attach(std::move(node), {x, weight, bias}, {y});
  }
  return y;
}

}  // namespace ranvier
