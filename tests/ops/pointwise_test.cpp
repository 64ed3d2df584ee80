#include "ranvier/ops/pointwise/pointwise.h"

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "ranvier/core/tape.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/gradcheck.h"
#include "tests/support/threads.h"
#include "tests/support/values.h"

using namespace ranvier;
using test::Approx;
using test::gradient_mismatch;
using test::random_values;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinite = std::numeric_limits<double>::infinity();

using Values = std::vector<double>;

Tensor f64(const Values& values) {
  return from_vector(values, {static_cast<std::int64_t>(values.size())});
}

struct UnaryCase {
  std::string name;
  std::function<Tensor(const Tensor&)> op;
  std::function<double(double)> reference;
  bool positive = false;  ///< defined for positive numbers only
};

std::vector<UnaryCase> unary_cases() {
  return {
      {"neg", [](const Tensor& x) { return -x; }, [](double x) { return -x; }},
      {"abs", [](const Tensor& x) { return abs(x); }, [](double x) { return std::abs(x); }},
      {"exp", [](const Tensor& x) { return exp(x); }, [](double x) { return std::exp(x); }},
      {"log", [](const Tensor& x) { return log(x); }, [](double x) { return std::log(x); }, true},
      {"sqrt", [](const Tensor& x) { return sqrt(x); }, [](double x) { return std::sqrt(x); },
       true},
      {"square", [](const Tensor& x) { return square(x); }, [](double x) { return x * x; }},
      {"reciprocal", [](const Tensor& x) { return reciprocal(x); }, [](double x) { return 1 / x; }},
      {"tanh", [](const Tensor& x) { return tanh(x); }, [](double x) { return std::tanh(x); }},
      {"sigmoid", [](const Tensor& x) { return sigmoid(x); },
       [](double x) { return 1 / (1 + std::exp(-x)); }},
      {"relu", [](const Tensor& x) { return relu(x); }, [](double x) { return std::max(x, 0.0); }},
      {"clamp", [](const Tensor& x) { return clamp(x, -0.5, 0.75); },
       [](double x) { return std::min(std::max(x, -0.5), 0.75); }},
      {"pow 3", [](const Tensor& x) { return pow(x, 3); }, [](double x) { return x * x * x; }},
      {"pow -1.5", [](const Tensor& x) { return pow(x, -1.5); },
       [](double x) { return std::pow(x, -1.5); }, true},
      {"pow 0", [](const Tensor& x) { return pow(x, 0); }, [](double) { return 1; }},
      {"x + 2", [](const Tensor& x) { return x + 2; }, [](double x) { return x + 2; }},
      {"2 + x", [](const Tensor& x) { return 2 + x; }, [](double x) { return 2 + x; }},
      {"x - 2", [](const Tensor& x) { return x - 2; }, [](double x) { return x - 2; }},
      {"2 - x", [](const Tensor& x) { return 2 - x; }, [](double x) { return 2 - x; }},
      {"x * 3", [](const Tensor& x) { return x * 3; }, [](double x) { return x * 3; }},
      {"3 * x", [](const Tensor& x) { return 3 * x; }, [](double x) { return 3 * x; }},
      {"x / 3", [](const Tensor& x) { return x / 3; }, [](double x) { return x / 3; }},
      {"3 / x", [](const Tensor& x) { return 3 / x; }, [](double x) { return 3 / x; }},
  };
}

struct BinaryCase {
  std::string name;
  std::function<Tensor(const Tensor&, const Tensor&)> op;
  std::function<double(double, double)> reference;
};

std::vector<BinaryCase> binary_cases() {
  using T = const Tensor&;
  return {
      {"add", [](T a, T b) { return a + b; }, [](double a, double b) { return a + b; }},
      {"sub", [](T a, T b) { return a - b; }, [](double a, double b) { return a - b; }},
      {"mul", [](T a, T b) { return a * b; }, [](double a, double b) { return a * b; }},
      {"div", [](T a, T b) { return a / b; }, [](double a, double b) { return a / b; }},
      {"maximum", [](T a, T b) { return maximum(a, b); },
       [](double a, double b) { return std::max(a, b); }},
      {"minimum", [](T a, T b) { return minimum(a, b); },
       [](double a, double b) { return std::min(a, b); }},
  };
}

struct ShapePair {
  Shape a, b, result;
};

std::vector<ShapePair> shape_pairs() {
  return {{{3, 4}, {3, 4}, {3, 4}},
          {{3, 4}, {4}, {3, 4}},
          {{4}, {3, 4}, {3, 4}},
          {{3, 1}, {1, 4}, {3, 4}},
          {{}, {2, 3}, {2, 3}},
          {{2, 3}, {1, 1, 1}, {1, 2, 3}},
          {{2, 1, 3, 1}, {5, 1, 2}, {2, 5, 3, 2}},
          {{2, 3, 1}, {2, 1, 4}, {2, 3, 4}},
          {{1, 3, 4}, {2, 3, 4}, {2, 3, 4}},
          {{2, 3, 4}, {2, 3, 1}, {2, 3, 4}},
          {{}, {}, {}},
          {{1}, {}, {1}}};
}

// The value of operand `x` under element `flat` of a result of `shape`.
double broadcast_value(const Tensor& x, const Shape& shape, std::int64_t flat) {
  std::int64_t offset = 0, stride = 1;
  for (int axis = 1; axis <= shape.rank(); ++axis) {
    const std::int64_t at = flat % shape[-axis];
    flat /= shape[-axis];
    if (axis > x.rank()) continue;
    if (x.size(-axis) != 1) offset += at * stride;
    stride *= x.size(-axis);
  }
  return to_vector(x)[static_cast<std::size_t>(offset)];
}

Values leaf_gradient(const std::function<Tensor(const Tensor&)>& op, const Values& at) {
  Tensor x = f64(at).set_requires_grad(true);
  op(x).backward(full(x.shape(), 1, {.dtype = DType::f64}));
  return to_vector(x.grad());
}

}  // namespace

TEST_CASE("Functions of one tensor have the values of the standard library's, in f32 and f64") {
  const auto dtype = GENERATE(DType::f32, DType::f64);
  for (const UnaryCase& function : unary_cases()) {
    CAPTURE(function.name, dtype == DType::f32);
    Tensor x = random_values({5, 7}, 1, dtype);
    if (function.positive) x = abs(x);
    const Values in = to_vector(x), out = to_vector(function.op(x));
    const double tolerance = dtype == DType::f32 ? 3e-7 : 1e-15;
    for (std::size_t i = 0; i < in.size(); ++i)
      CHECK(std::abs(out[i] - function.reference(in[i])) <=
            tolerance * (std::abs(function.reference(in[i])) + 0.1));
  }
}

TEST_CASE("Functions of one tensor have the right gradients") {
  for (const UnaryCase& function : unary_cases()) {
    CAPTURE(function.name);
    const Tensor x = f64({0.3, 1.7, 0.9, 2.5, -0.4, -1.2, -2.6});
    CHECK(gradient_mismatch([&](const auto& in) { return function.op(in[0]); },
                            {function.positive ? abs(x) : x}, {.tolerance = 1e-6}) == "");
  }
}

TEST_CASE("Functions of two tensors broadcast as NumPy's do") {
  for (const BinaryCase& function : binary_cases())
    for (const ShapePair& shapes : shape_pairs())
      for (const DType dtype : {DType::f32, DType::f64}) {
        CAPTURE(function.name, to_string(shapes.a), to_string(shapes.b));
        const Tensor a = random_values(shapes.a, 2, dtype), b = random_values(shapes.b, 3, dtype);
        const Tensor y = function.op(a, b);
        CHECK(y.dtype() == dtype);
        REQUIRE(y.shape() == shapes.result);
        const Values values = to_vector(y);
        for (std::int64_t i = 0; i < y.numel(); ++i)
          CHECK(values[static_cast<std::size_t>(i)] ==
                Approx(function.reference(broadcast_value(a, y.shape(), i),
                                          broadcast_value(b, y.shape(), i))));
      }
}

TEST_CASE("Functions of two tensors have the right gradients, summed over broadcast axes") {
  for (const BinaryCase& function : binary_cases())
    for (const ShapePair& shapes : shape_pairs()) {
      CAPTURE(function.name, to_string(shapes.a), to_string(shapes.b));
      const Tensor a = random_values(shapes.a, 4, DType::f64);
      const Tensor b = random_values(shapes.b, 5, DType::f64);
      const auto f = [&](const auto& in) { return function.op(in[0], in[1]); };
      CHECK(gradient_mismatch(f, {a, b}, {.step = 1e-6, .tolerance = 1e-6}) == "");
      const auto by_b = [&](const auto& in) { return function.op(a, in[0]); };
      CHECK(gradient_mismatch(by_b, {b}, {.step = 1e-6, .tolerance = 1e-6}) == "");
      const auto by_a = [&](const auto& in) { return function.op(in[0], b); };
      CHECK(gradient_mismatch(by_a, {a}, {.step = 1e-6, .tolerance = 1e-6}) == "");
    }
}

TEST_CASE("A tensor used as both operands gets both gradients") {
  Tensor x = f64({1, 2, 3}).set_requires_grad(true);
  (x * x + x - x / x).backward(f64({1, 1, 1}));
  CHECK(to_vector(x.grad()) == Values{3, 5, 7});
}

TEST_CASE("At their kinks, derivatives are as documented") {
  CHECK(leaf_gradient([](const Tensor& x) { return relu(x); }, {-1, 0, 1}) == Values{0, 0, 1});
  CHECK(leaf_gradient([](const Tensor& x) { return abs(x); }, {-1, 0, 1}) == Values{-1, 0, 1});
  CHECK(leaf_gradient([](const Tensor& x) { return clamp(x, -1, 1); }, {-2, -1, 0, 1, 2}) ==
        Values{0, 1, 1, 1, 0});
  const Tensor ties = f64({0, 1, 2});
  CHECK(leaf_gradient([&](const Tensor& x) { return maximum(x, ties); }, {1, 1, 1}) ==
        Values{1, 0.5, 0});
  CHECK(leaf_gradient([&](const Tensor& x) { return minimum(ties, x); }, {1, 1, 1}) ==
        Values{0, 0.5, 1});
  CHECK(leaf_gradient([](const Tensor& x) { return pow(x, 0); }, {0}) == Values{0});
  CHECK(leaf_gradient([](const Tensor& x) { return pow(x, 1); }, {0}) == Values{1});
}

TEST_CASE("NaN is never hidden") {
  const Tensor x = f64({not_a_number, 1, not_a_number}), y = f64({1, not_a_number, not_a_number});
  for (const Tensor& result : {maximum(x, y), minimum(x, y)})
    for (const double value : to_vector(result)) CHECK(std::isnan(value));
  CHECK(std::isnan(to_vector(relu(x))[0]));
  CHECK(std::isnan(to_vector(clamp(x, -1, 1))[0]));
  CHECK(std::isnan(to_vector(sigmoid(x))[0]));
}

TEST_CASE("Infinite and extreme arguments give the limits") {
  const Tensor x = f64({-infinite, infinite, -1000, 1000});
  CHECK(to_vector(exp(x)) == Values{0, infinite, 0, infinite});
  CHECK(to_vector(tanh(x)) == Values{-1, 1, -1, 1});
  const Values s = to_vector(sigmoid(x));
  CHECK((s[0] < 1e-300 && s[1] == 1 && s[2] < 1e-300 && s[3] == 1));
  CHECK(to_vector(reciprocal(f64({0, -infinite}))) == Values{infinite, 0});
}

TEST_CASE("Large tensors give the same bits with any number of threads") {
  const Tensor a = random_values({50, 1, 999}, 6), b = random_values({3, 1}, 7);
  const auto run = [&](int threads) {
    const test::Threads guard(threads);
    Tensor left = a.detach().set_requires_grad(true), right = b.detach().set_requires_grad(true);
    const Tensor y = sigmoid(left * right);
    y.backward(y.detach());
    return std::vector<Tensor>{y, left.grad(), right.grad()};
  };
  const auto once = run(1), split = run(3);
  for (std::size_t i = 0; i < once.size(); ++i) CHECK(test::same_bits(once[i], split[i]));
}

TEST_CASE("Only what a derivative needs is saved") {
  const std::int64_t before = saved_bytes();
  Tensor x = random_values({8}, 8).set_requires_grad(true);
  const Tensor constant = random_values({8}, 9);
  const auto saved_by = [&](const Tensor&) { return saved_bytes() - before; };
  CHECK(saved_by(x + constant) == 0);
  CHECK(saved_by(x * 2 - 1) == 0);
  CHECK(saved_by(x * constant) == 32);
  CHECK(saved_by(x * x) == 64);
  CHECK(saved_by(exp(x)) == 32);
}

TEST_CASE("A sum passes its gradient on without a copy") {
  Tensor x = random_values({8}, 10).set_requires_grad(true);
  Tensor seen;
  Tensor middle = x * 1;
  middle.register_hook([&](const Tensor& grad) {
    seen = grad;
    return Tensor();
  });
  const Tensor seed = random_values({8}, 11);
  (middle + 3).backward(seed);
  CHECK(seen.is_same(seed));
}

TEST_CASE("Functions take empty tensors and mark nothing when no gradient is wanted") {
  const Tensor empty_rows = zeros({0, 3});
  CHECK((empty_rows + zeros({3})).shape() == Shape{0, 3});
  CHECK(exp(empty_rows).shape() == Shape{0, 3});
  Tensor leaf = zeros({3}).set_requires_grad(true);
  (empty_rows * leaf).backward(zeros({0, 3}));
  CHECK(to_vector(leaf.grad()) == Values{0, 0, 0});
  CHECK_FALSE((empty_rows + zeros({3})).requires_grad());
  const NoGradGuard no_grad;
  CHECK_FALSE((leaf + leaf).requires_grad());
}

TEST_CASE("Pointwise functions name themselves in the graph") {
  Tensor x = zeros({2}).set_requires_grad(true);
  CHECK(describe_graph(maximum(exp(x), x * 2)) ==
        "MaximumBackward <- ExpBackward MulScalarBackward\n"
        "ExpBackward <- leaf (2,)\nMulScalarBackward <- leaf (2,)\n");
}

TEST_CASE("Pointwise functions say what is wrong with their arguments") {
  const auto invalid = ErrorCode::invalid_argument;
  const Tensor x = zeros({2, 3});
  CHECK_ERROR(x + zeros({2}), invalid, "[add] shapes must broadcast; got (2, 3) and (2,).");
  CHECK_ERROR(x * x.to(DType::f64), invalid, "[mul] the operands need one dtype; got f32 and f64.");
  CHECK_ERROR(maximum(x.to(DType::i64), x.to(DType::i64)), invalid,
              "[maximum] needs f32 or f64; got i64.");
  CHECK_ERROR(sigmoid(empty({2, 64}, {.dtype = DType::bits})), invalid,
              "[sigmoid] needs f32 or f64; got bits.");
  CHECK_ERROR(2 - x.to(DType::u8), invalid, "[sub] needs f32 or f64; got u8.");
  CHECK_ERROR(clamp(x, 1, 0), invalid, "[clamp] low must be <= high; got 1 and 0.");
  CHECK_ERROR(clamp(x, not_a_number, 0), invalid, "[clamp] low must be <= high; got nan and 0.");
}
