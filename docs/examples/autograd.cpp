// The code of docs/autograd.md.
#include "ranvier/core/tape.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/reduce/sum.h"

using namespace ranvier;

struct CubeBackward final : Node {
  Saved x;
  explicit CubeBackward(const Tensor& input) : x(input) {}
  const char* name() const override { return "CubeBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    return {grads[0] * (3.0 * square(x.get()))};
  }
  void release() override { x.reset(); }
};

Tensor cube(const Tensor& x) {
  const Tensor result = pow(x.detach(), 3);
  if (grad_needed({x})) attach(std::make_shared<CubeBackward>(x), {x}, {result});
  return result;
}

int main() {
  Tensor w = tensor({1, 2, 3});
  w.set_requires_grad(true);
  const Tensor loss = sum(square(w) * 0.5);
  loss.backward();
  fmt::print("{}\n", to_vector(w.grad())[2]);  // 3

  w.set_grad({});
  Tensor hidden = exp(w);
  hidden.register_hook([](const Tensor& grad) { return clamp(grad, -1, 1); });
  const Tensor second = sum(hidden * 2.0);
  fmt::print("{}", describe_graph(second));
  second.backward({.retain_graph = true});
  second.backward();  // adds to the gradients of the first

  w.set_grad({});
  sum(cube(w)).backward();
  if (to_vector(w.grad()) != std::vector<double>{3, 12, 27}) return 1;

  const NoGradGuard no_grad;
  return exp(w).requires_grad() ? 1 : 0;
}
