#include "ranvier/ops/matmul/linear.h"
#include "ranvier/core/allocator.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/matmul/detail/onednn.h"
#include "ranvier/ops/matmul/matmul.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"
#include "tests/support/threads.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

struct Sizes {
  std::int64_t rows, in, out;
};

// y[r, o] = bias[o] + sum_i x[r, i] w[i, o] and the gradients of sum(y * gy), in f64.
struct NaiveLinear {
  Tensor y, gx, gw, gb;

  NaiveLinear(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& grad) {
    const std::int64_t in = w.size(0), out = w.size(1), rows = grad.numel() / out;
    const std::vector<double> xs = to_vector(x), ws = to_vector(w), bs = to_vector(bias),
                              gs = to_vector(grad);
    std::vector<double> ys(gs.size()), gxs(xs.size()), gws(ws.size()), gbs(bs.size());
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t o = 0; o < out; ++o) {
        const auto at = static_cast<std::size_t>(r * out + o);
        const double g = gs[at];
        ys[at] = bs[static_cast<std::size_t>(o)];
        gbs[static_cast<std::size_t>(o)] += g;
        for (std::int64_t i = 0; i < in; ++i) {
          const auto xi = static_cast<std::size_t>(r * in + i);
          const auto wi = static_cast<std::size_t>(i * out + o);
          ys[at] += xs[xi] * ws[wi];
          gxs[xi] += g * ws[wi];
          gws[wi] += g * xs[xi];
        }
      }
    y = from_vector(ys, grad.shape());
    gx = from_vector(gxs, x.shape());
    gw = from_vector(gws, w.shape());
    gb = from_vector(gbs, bias.shape());
  }
};

struct Gradients {
  Tensor y, gx, gw, gb;
};

Gradients run_linear(Tensor x, Tensor w, Tensor bias, const Tensor& grad) {
  x = clone(x).set_requires_grad(true);
  w = clone(w).set_requires_grad(true);
  bias = clone(bias).set_requires_grad(true);
  const Tensor y = linear(x, w, bias);
  y.backward(grad);
  return {y.detach(), x.grad(), w.grad(), bias.grad()};
}

Tensor transposed(const Tensor& matrix) {
  Tensor result = empty({matrix.size(1), matrix.size(0)});
  for (std::int64_t i = 0; i < matrix.size(0); ++i)
    for (std::int64_t j = 0; j < matrix.size(1); ++j)
      result.mutable_data<float>()[j * matrix.size(0) + i] =
          matrix.data<float>()[i * matrix.size(1) + j];
  return result;
}

}  // namespace

TEST_CASE("linear and its gradients equal plain loops for all sizes", "[linear]") {
  const auto s = GENERATE(Sizes{1, 1, 1}, Sizes{1, 5, 3}, Sizes{7, 13, 1}, Sizes{3, 1, 17},
                          Sizes{33, 65, 31}, Sizes{128, 100, 10}, Sizes{5, 700, 129},
                          Sizes{600, 16, 16}, Sizes{2000, 24, 40}, Sizes{300, 300, 200});
  CAPTURE(s.rows, s.in, s.out);
  const Tensor x = random_values({s.rows, s.in}, 1), w = random_values({s.in, s.out}, 2);
  const Tensor bias = random_values({s.out}, 3), grad = random_values({s.rows, s.out}, 4);
  const NaiveLinear expected(x, w, bias, grad);
  const Gradients actual = run_linear(x, w, bias, grad);
  CHECK(largest_difference(actual.y, expected.y) < 2e-5);
  CHECK(largest_difference(actual.gx, expected.gx) < 2e-5);
  CHECK(largest_difference(actual.gw, expected.gw) < 5e-5);
  CHECK(largest_difference(actual.gb, expected.gb) < 2e-5);
}

TEST_CASE("linear works on the last axis of any rank", "[linear]") {
  const Tensor x = random_values({2, 3, 4, 5}, 1), w = random_values({5, 6}, 2);
  const Tensor y = linear(x, w);
  CHECK(y.shape() == Shape{2, 3, 4, 6});
  const Tensor flat = linear(Tensor(x.storage(), 0, {24, 5}, DType::f32), w);
  CHECK(to_vector(y) == to_vector(flat));
  CHECK(linear(random_values({5}, 1), w).shape() == Shape{6});
}

TEST_CASE("linear of no rows, and of no inputs", "[linear]") {
  const Tensor w = random_values({5, 6}, 2), bias = random_values({6}, 3);
  CHECK(linear(zeros({0, 5}), w, bias).shape() == Shape{0, 6});
  const Tensor y = linear(zeros({2, 0}), zeros({0, 6}), bias);
  CHECK(to_vector(linear(zeros({2, 0}), zeros({0, 6}))) == std::vector<double>(12, 0.0));
  for (int i = 0; i < 12; ++i) CHECK(y.data<float>()[i] == bias.data<float>()[i % 6]);
  const Gradients none = run_linear(zeros({0, 5}), w, bias, zeros({0, 6}));
  CHECK(to_vector(none.gw) == std::vector<double>(30, 0.0));
  CHECK(to_vector(none.gb) == std::vector<double>(6, 0.0));
}

TEST_CASE("linear passes the gradient check", "[linear][gradient]") {
  const auto f = [](const std::vector<Tensor>& in) { return linear(in[0], in[1], in[2]); };
  CHECK(gradient_mismatch(
            f, {random_values({2, 3, 4}, 1, DType::f64), random_values({4, 5}, 2, DType::f64),
                random_values({5}, 3, DType::f64)}) == "");
}

TEST_CASE("matmul passes the gradient check", "[matmul][gradient]") {
  const auto f = [](const std::vector<Tensor>& in) { return matmul(in[0], in[1]); };
  CHECK(gradient_mismatch(
            f, {random_values({3, 4}, 1, DType::f64), random_values({4, 5}, 2, DType::f64)}) == "");
}

TEST_CASE("matmul in f32 equals matmul in f64", "[matmul]") {
  const Tensor a = random_values({37, 65}, 1), b = random_values({65, 18}, 2);
  const Tensor exact = matmul(a.to(DType::f64), b.to(DType::f64));
  CHECK(largest_difference(matmul(a, b), exact) < 1e-5);
}

TEST_CASE("matmul computes only the gradients that are wanted", "[matmul]") {
  const Tensor a = random_values({4, 5}, 1), b = random_values({5, 6}, 2);
  const Tensor grad = full({4, 6}, 1);
  Tensor left = clone(a).set_requires_grad(true), right = clone(b).set_requires_grad(true);
  matmul(left, b).backward(grad);
  matmul(a, right).backward(grad);
  CHECK(largest_difference(left.grad(), matmul(grad, transposed(b))) < 1e-6);
  CHECK(largest_difference(right.grad(), matmul(transposed(a), grad)) < 1e-6);
}

TEST_CASE("linear computes only the gradients that are wanted", "[linear]") {
  const Tensor x = random_values({4, 5}, 1), grad = random_values({4, 6}, 4);
  Tensor w = random_values({5, 6}, 2);
  w.set_requires_grad(true);
  linear(x, w).backward(grad);
  CHECK(w.grad().defined());
  CHECK_FALSE(x.grad().defined());
  Tensor bias = zeros({6});
  bias.set_requires_grad(true);
  linear(x, w.detach(), bias).backward(full({4, 6}, 1));
  CHECK(to_vector(bias.grad()) == std::vector<double>(6, 4.0));
}

TEST_CASE("linear gives the same bits for any number of threads", "[linear][threads]") {
  const auto s = GENERATE(Sizes{1000, 128, 96}, Sizes{512, 700, 300}, Sizes{5000, 128, 128},
                          Sizes{64, 1000, 10}, Sizes{300, 300, 1000});
  CAPTURE(s.rows, s.in, s.out);
  const Tensor x = random_values({s.rows, s.in}, 1), w = random_values({s.in, s.out}, 2);
  const Tensor bias = random_values({s.out}, 3), grad = random_values({s.rows, s.out}, 4);
  Gradients one;
  {
    const Threads threads(1);
    one = run_linear(x, w, bias, grad);
  }
  for (const int count : {2, 3, 5}) {
    CAPTURE(count);
    const Threads threads(count);
    const Gradients many = run_linear(x, w, bias, grad);
    CHECK(same_bits(one.y, many.y));
    CHECK(same_bits(one.gx, many.gx));
    CHECK(same_bits(one.gw, many.gw));
    CHECK(same_bits(one.gb, many.gb));
  }
}

TEST_CASE("a shard of time gives the bits of the whole in linear", "[linear]") {
  if (!detail::onednn::rows_independent())
    SKIP("oneDNN's kernels for this processor sum rows differently by their number");
  const auto s = GENERATE(Sizes{1024, 128, 128}, Sizes{96, 784, 1000}, Sizes{64, 2500, 10});
  CAPTURE(s.rows, s.in, s.out);
  const Tensor x = random_values({s.rows, s.in}, 1), w = random_values({s.in, s.out}, 2);
  const Tensor whole = linear(x, w);
  for (const std::int64_t count : {1, 2, 7, 32, 50}) {
    CAPTURE(count);
    const std::int64_t first = 5;
    const Tensor shard(x.storage(), first * s.in * 4, {count, s.in}, DType::f32);
    const Tensor expected(whole.storage(), first * s.out * 4, {count, s.out}, DType::f32);
    CHECK(same_bits(linear(shard, w), expected));
  }
}

TEST_CASE("linear takes no memory from the system once warm", "[linear]") {
  const Tensor x = random_values({3000, 64}, 1), w = random_values({64, 64}, 2);
  const Tensor bias = random_values({64}, 3), grad = random_values({3000, 64}, 4);
  for (int i = 0; i < 2; ++i) run_linear(x, w, bias, grad);
  const std::int64_t before = cpu_allocator().stats().system_allocations;
  run_linear(x, w, bias, grad);
  CHECK(cpu_allocator().stats().system_allocations == before);
}

TEST_CASE("linear says what does not fit", "[linear][errors]") {
  const Tensor w = zeros({4, 5});
  CHECK_THROWS_WITH(
      linear(zeros({2, 3}), w),
      "[linear] the last axis of x must equal weight's first; got (2, 3) and (4, 5).");
  CHECK_THROWS_WITH(linear(zeros({2, 4}), zeros({4})),
                    "[linear] weight must be (in, out); got (4,).");
  CHECK_THROWS_WITH(linear(zeros({}), w), "[linear] x must have at least one axis; got ().");
  CHECK_THROWS_WITH(linear(zeros({2, 4}), zeros({4, 5}, {.dtype = DType::i64})),
                    "[linear] weight must be f32 or f64; got i64.");
  CHECK_THROWS_WITH(
      linear(zeros({2, 4}, {.dtype = DType::f64}), w),
      "[linear] x must have weight's dtype, or be 16-bit floats or packed spikes with an "
      "f32 weight; got x f64 and weight f32.");
  CHECK_THROWS_WITH(linear(zeros({2, 4}), w, zeros({4})), "[linear] bias must be (5,); got (4,).");
  CHECK_THROWS_WITH(linear(zeros({2, 4}), w, zeros({5}, {.dtype = DType::f64})),
                    "[linear] bias must be f32 on cpu as weight is; got f64 on cpu.");
}

TEST_CASE("what oneDNN cannot do here is said in our words", "[linear][errors]") {
  detail::onednn::Cache<int> cache;
  const auto unable = [](int) -> detail::onednn::Primitive {
    throw dnnl::error(dnnl_unimplemented, "no implementation");
  };
  CHECK_THROWS_WITH(cache.get(1, unable),
                    "[onednn] oneDNN has no kernel for this operation here (no implementation); is "
                    "ONEDNN_MAX_CPU_ISA set?");
}

TEST_CASE("matmul says what does not fit", "[matmul][errors]") {
  CHECK_THROWS_WITH(
      matmul(zeros({2, 3}), zeros({4, 5})),
      "[matmul] the inner extents of a and b must be equal; got a (2, 3) and b (4, 5).");
  CHECK_THROWS_WITH(matmul(zeros({3}), zeros({3, 5})),
                    "[matmul] a and b must be matrices; got (3,) and (3, 5).");
  CHECK_THROWS_WITH(
      matmul(zeros({2, 3}, {.dtype = DType::u8}), zeros({3, 5})),
      "[matmul] a and b must both be f64, or each f32 or 16-bit floats; got u8 and f32.");
  CHECK_THROWS_WITH(
      matmul(zeros({2, 3}), zeros({3, 5}, {.dtype = DType::f64})),
      "[matmul] a and b must both be f64, or each f32 or 16-bit floats; got f32 and f64.");
}

}  // namespace ranvier::test
