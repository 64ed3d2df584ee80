#include "ranvier/ops/sequence/delay.h"

#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/sequence/detail/delay_kernels.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/slice.h"

namespace ranvier {
namespace {

using delay_detail::Delays;

constexpr const char* op = "delay";

void check_operand(const char* what, const Tensor& operand, const Shape& shape, const Tensor& x) {
  RV_CHECK(operand.shape() == shape && operand.dtype() == x.dtype(),
           "[delay] {} must be {} {} for x {}; got {} {}.", what, x.dtype(), shape, x.shape(),
           operand.dtype(), operand.shape());
  if (operand.device() != x.device())
    fail(ErrorCode::device, "[delay] {} is on {} and x on {}; all must be on one device.", what,
         operand.device(), x.device());
}

void check_delay(const Tensor& x, const Tensor& delays, const Tensor& state,
                 const DelayOptions& options) {
  check_max_delay(options.max_delay);
  RV_CHECK(x.dtype() == DType::f32 || x.dtype() == DType::f64,
           "[delay] x must be f32 or f64; got {}.", x.dtype());
  RV_CHECK(x.rank() >= 2, "[delay] x must be [T, ..., C]; its shape is {}.", x.shape());
  check_operand("delays, one for each channel,", delays, {x.size(-1)}, x);
  if (state.defined())
    check_operand("the state, the last inputs,", state, x.shape().with(0, options.max_delay), x);
}

struct DelayBackward final : Node {
  Saved x, state, delays;  // x: for the delays
  Shape shape;
  std::int64_t most = 0;
  bool rounded = false;

  const char* name() const override { return "DelayBackward"; }
  // Inputs: x, the delays, the state. Outputs: y, the state after.
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Delays by{delays.get(), most, rounded};
    const TensorOptions like{.dtype = by.steps.dtype(), .device = by.steps.device()};
    const Tensor grad = grads[0].defined() ? grads[0] : zeros(shape, like);
    Tensor grad_x = needs(0) ? empty(shape, like) : Tensor();
    Tensor grad_state = needs(2) ? empty(shape.with(0, most), like) : Tensor();
    if (grad_x.defined() || grad_state.defined())
      kernel_for(op, like.device, delay_detail::delay_input_gradient_kernels)(grad, grads[1], by,
                                                                              grad_x, grad_state);
    return {grad_x, needs(1) ? gradient_of_delays(grad, by) : Tensor(), grad_state};
  }
  void release() override {
    for (Saved* saved : {&x, &state, &delays}) saved->reset();
  }

 private:
  Tensor gradient_of_delays(const Tensor& grad, const Delays& by) const {
    const Tensor before = state.defined() ? state.get() : Tensor();
    const auto parts_of = kernel_for(op, grad.device(), delay_detail::delay_gradient_kernels);
    return sum(parts_of(grad, x.get(), before, by), {0}).to(grad.dtype());
  }
};

/// The state after x, outside the graph. A copy: a view would keep all of x.
Tensor last_inputs(const Tensor& x, const Tensor& state, std::int64_t most) {
  const NoGradGuard no_grad;
  const std::int64_t steps = x.size(0);
  if (steps >= most) return concat({slice(x, 0, steps - most, steps)});
  const Tensor before =
      state.defined() ? state
                      : zeros(x.shape().with(0, most), {.dtype = x.dtype(), .device = x.device()});
  return concat({slice(before, 0, steps, most), x});
}

}  // namespace

void check_max_delay(std::int64_t max_delay) {
  constexpr std::int64_t longest = 1 << 16;
  RV_CHECK(max_delay >= 1 && max_delay <= longest,
           "[delay] max_delay must be in [1, {}] steps; got {}.", longest, max_delay);
}

DelayResult delay(const Tensor& given, const Tensor& delays, const Tensor& state,
                  const DelayOptions& options) {
  const OperationScope operation(op);
  const Tensor x = widened(given);
  check_delay(x, delays, state, options);
  const std::int64_t most = options.max_delay;
  // A tensor of its own: who writes the delays between forward and backward does not disturb.
  const Delays by{clamp(delays.detach(), 0, static_cast<double>(most)), most, options.rounded};
  Tensor y = empty_like(x);
  kernel_for(op, x.device(), delay_detail::delay_kernels)(x, state, by, y);
  const Tensor after = options.final_state ? last_inputs(x, state, most) : Tensor();
  if (grad_needed({x, delays, state})) {
    auto node = std::make_shared<DelayBackward>();
    if (grad_needed({delays})) {
      node->x = x;
      node->state = state;
    }
    node->delays = by.steps;
    node->shape = x.shape();
    node->most = most;
    node->rounded = options.rounded;
    attach(std::move(node), {x, delays, state}, {y, after});
  }
  return {y, after};
}

}  // namespace ranvier
