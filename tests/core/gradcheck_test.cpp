#include "tests/support/gradcheck.h"

#include "ranvier/core/random.h"
#include "tests/support/catch.h"

namespace ranvier::test {
namespace {

// y = x^2 with a backward that says `slope` * x.
struct SquareBackward final : Node {
  SquareBackward(const Tensor& x, double claimed_slope) : input(x), slope(claimed_slope) {}
  Saved input;
  double slope;

  const char* name() const override { return "SquareBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    Tensor result = empty_like(grads[0]);
    for (std::int64_t i = 0; i < result.numel(); ++i)
      result.mutable_data<double>()[i] =
          slope * input.get().data<double>()[i] * grads[0].data<double>()[i];
    return {result};
  }
  void release() override { input.reset(); }
};

Tensor square(const Tensor& x, double slope) {
  Tensor y = clone(x.detach());
  for (std::int64_t i = 0; i < y.numel(); ++i) y.mutable_data<double>()[i] *= x.data<double>()[i];
  if (grad_needed({x})) attach(std::make_shared<SquareBackward>(x, slope), {x}, {y});
  return y;
}

}  // namespace

TEST_CASE("the gradient check accepts a right derivative", "[gradcheck]") {
  const Tensor x = uniform({2, 3}, -1, 1).to(DType::f64);
  CHECK(gradient_mismatch([](const auto& in) { return square(in[0], 2); }, {x}) == "");
}

TEST_CASE("the gradient check names the worst entry of a wrong derivative", "[gradcheck]") {
  const Tensor x = from_vector<double>({0.5, -2, 1}, {1, 3});
  const auto wrong = [](const auto& in) { return square(in[0], 2.5); };
  CHECK_THAT(gradient_mismatch(wrong, {x}),
             contains("d output[0, 1] / d input 0[0, 1]: backward says -5, "
                      "central differences say -4"));
}

TEST_CASE("the gradient check notices a gradient that is missing", "[gradcheck]") {
  const Tensor x = from_vector<double>({1.0}, {1});
  const auto cut = [](const auto& in) { return square(in[0].detach(), 2); };
  CHECK_THROWS(gradient_mismatch(cut, {x}));
}

}  // namespace ranvier::test
