// Pointwise functions on a CUDA device give what the CPU gives.
#include "ranvier/ops/pointwise/pointwise.h"

#include "ranvier/core/random.h"
#include "ranvier/ops/shape/slice.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"

using namespace ranvier;
using namespace ranvier::test;

namespace {

/// Of functions that the CPU takes from its mathematics library.
double rounding(DType dtype) { return dtype == DType::f32 ? 1e-6 : 1e-12; }

Tensor leaf(const Shape& shape, DType dtype, double low = -2, double high = 2) {
  Tensor x = uniform(shape, low, high).to(dtype);
  x.set_requires_grad(true);
  return x;
}

void check_unary(const std::function<Tensor(const Tensor&)>& f, double tolerance, double low = -2) {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const std::int64_t count : {1, 3, 17, 1000, 100003})
      check_on_cuda([&](const std::vector<Tensor>& x) { return f(x[0]); },
                    {leaf({count}, dtype, low)}, tolerance == 0 ? 0 : rounding(dtype));
}

using Function = Tensor (*)(const Tensor&, const Tensor&);
constexpr Function every_binary[] = {add, sub, mul, div, maximum, minimum};

}  // namespace

TEST_CASE("functions of one tensor give the CPU's bits on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  using Function = Tensor (*)(const Tensor&);
  for (const Function f : {neg, abs, square, reciprocal, sigmoid, relu}) check_unary(f, 0);
  check_unary([](const Tensor& x) { return sqrt(x); }, 0, 0.01);
  check_unary([](const Tensor& x) { return clamp(x, -0.5, 1); }, 0);
  check_unary([](const Tensor& x) { return x + 0.3; }, 0);
  check_unary([](const Tensor& x) { return 0.3 - x; }, 0);
  check_unary([](const Tensor& x) { return x * 0.3; }, 0);
  check_unary([](const Tensor& x) { return x / 0.3; }, 0);
  check_unary([](const Tensor& x) { return 0.3 / x; }, 0);
}

TEST_CASE("functions of the mathematics library agree on a CUDA device to rounding", "[cuda]") {
  RV_NEEDS_CUDA();
  check_unary([](const Tensor& x) { return exp(x); }, 1);
  check_unary([](const Tensor& x) { return tanh(x); }, 1);
  check_unary([](const Tensor& x) { return log(x); }, 1, 0.1);
  check_unary([](const Tensor& x) { return pow(x, 2.5); }, 1, 0.1);
}

TEST_CASE("functions of two tensors of one shape give the CPU's bits on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const Function f : every_binary)
    for (const DType dtype : {DType::f32, DType::f64})
      for (const std::int64_t count : {1, 3, 17, 1000, 100003})
        check_on_cuda([&](const std::vector<Tensor>& x) { return f(x[0], x[1]); },
                      {leaf({count}, dtype), leaf({count}, dtype)}, 0);
}

TEST_CASE("functions of two tensors broadcast on a CUDA device as on the CPU", "[cuda]") {
  RV_NEEDS_CUDA();
  struct Shapes {
    Shape a, b;
  };
  const Shapes every_shape[] = {{{5, 7, 12}, {12}},         {{12}, {5, 7, 12}},
                                {{5, 7, 10}, {10}},         {{1000, 33}, {1000, 1}},
                                {{256, 64}, {256, 1}},      {{6, 1, 8}, {1, 9, 1}},
                                {{3, 1, 4, 1}, {5, 1, 7}},  {{}, {1000}},
                                {{70, 128, 4}, {70, 1, 4}}, {{2, 3, 2, 3, 2, 4}, {3, 1, 3, 1, 4}}};
  for (const Function f : every_binary)
    for (const auto& [a, b] : every_shape) {
      CAPTURE(to_string(a), to_string(b));
      check_on_cuda([&](const std::vector<Tensor>& x) { return f(x[0], x[1]); },
                    {leaf(a, DType::f32), leaf(b, DType::f32)}, 1e-6);
    }
  check_on_cuda([](const std::vector<Tensor>& x) { return x[0] * x[1]; },
                {leaf({5, 7, 12}, DType::f64), leaf({7, 1}, DType::f64)}, 1e-12);
}

TEST_CASE("views that begin anywhere can be operands on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  const auto f = [](const std::vector<Tensor>& x) {
    return slice(x[0], 0, 1, 1000) * slice(x[1], 0, 2, 1001) + sigmoid(slice(x[0], 0, 3, 1002));
  };
  check_on_cuda(f, {leaf({1003}, DType::f32), leaf({1003}, DType::f32)}, 0);
}

TEST_CASE("a CUDA device keeps NaN, infinities and signs as the CPU does", "[cuda]") {
  RV_NEEDS_CUDA();
  const float inf = INFINITY, nan = NAN;
  const Tensor a = tensor({nan, 1, inf, -inf, 0, -0.0f, 3e38f, 1e-45f, 200, -200});
  const Tensor b = tensor({1, nan, inf, 2, -0.0f, 0, 3e38f, 2, nan, 5});
  for (const Function f : every_binary)
    check_same(f(a.to(cuda_device), b.to(cuda_device)), f(a, b), 0);
  using Unary = Tensor (*)(const Tensor&);
  for (const Unary f : {neg, abs, square, reciprocal, sigmoid, relu, sqrt})
    check_same(f(a.to(cuda_device)), f(a), 0);
}

TEST_CASE("empty tensors launch nothing", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = empty({0, 3}, {.device = cuda_device});
  CHECK((exp(x) + x).shape() == Shape{0, 3});
}

TEST_CASE("pointwise functions refuse operands on two devices", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = zeros({4}), y = zeros({4}, {.device = cuda_device});
  CHECK_ERROR(x + y, ErrorCode::device, "[add] the operands need one device; got cpu and cuda:0.");
  CHECK_ERROR(y * x, ErrorCode::device, "[mul] the operands need one device; got cuda:0 and cpu.");
  CHECK_ERROR(exp(y.to(DType::i64)), ErrorCode::invalid_argument, "[exp] needs f32 or f64");
}
