#include "ranvier/ops/conv/conv2d.h"

#include "ranvier/core/allocator.h"
#include "ranvier/core/tape.h"
#include "tests/support/catch.h"
#include "tests/support/gradcheck.h"
#include "tests/support/threads.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

struct Case {
  Shape x, weight;
  Conv2dOptions options;
};

std::vector<Case> cases() {
  return {
      {{2, 5, 5, 3}, {3, 3, 3, 4}, {}},
      {{2, 9, 7, 16}, {3, 3, 16, 32}, {.padding = {1, 1}}},
      {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
      {{2, 12, 11, 6}, {3, 3, 6, 8}, {}},
      {{3, 8, 8, 17}, {3, 3, 17, 33}, {.padding = {1, 1}}},
      {{2, 11, 12, 8}, {3, 3, 8, 16}, {.stride = {2, 2}, .padding = {1, 1}}},
      {{2, 10, 9, 5}, {2, 3, 5, 7}, {.stride = {3, 2}, .padding = {0, 2}}},
      {{2, 12, 12, 6}, {3, 3, 6, 10}, {.padding = {2, 2}, .dilation = {2, 2}}},
      {{2, 13, 11, 4}, {3, 2, 4, 6}, {.stride = {2, 1}, .padding = {1, 0}, .dilation = {3, 2}}},
      {{2, 10, 10, 16}, {5, 5, 16, 8}, {.padding = {2, 2}}},
      {{2, 10, 10, 8}, {3, 3, 8, 8}, {.padding = {4, 3}}},  // more padding than the kernel needs
      {{2, 8, 8, 16}, {3, 3, 4, 24}, {.padding = {1, 1}, .groups = 4}},
      {{2, 9, 9, 12}, {3, 3, 1, 12}, {.stride = {2, 2}, .padding = {1, 1}, .groups = 12}},
      {{2, 6, 6, 70}, {1, 1, 70, 20}, {}},
      {{2, 28, 28, 1}, {3, 3, 1, 64}, {.padding = {1, 1}}},
      {{40, 4, 4, 32}, {3, 3, 32, 32}, {.padding = {1, 1}}},
  };
}

Tensor double_bias(const Case& c) { return random_values({c.weight[3]}, 3, DType::f64); }

// The convolution as its definition says, over plain indices.
std::vector<double> naive_forward(const Tensor& x, const Tensor& w, const Tensor& bias,
                                  const Conv2dOptions& o, const Shape& y) {
  const std::vector<double> xs = to_vector(x), ws = to_vector(w), bs = to_vector(bias);
  std::vector<double> result;
  const std::int64_t group_in = w.size(2), group_out = w.size(3) / o.groups;
  for (std::int64_t b = 0; b < y[0]; ++b)
    for (std::int64_t i = 0; i < y[1]; ++i)
      for (std::int64_t j = 0; j < y[2]; ++j)
        for (std::int64_t out = 0; out < y[3]; ++out) {
          double sum = bs[static_cast<std::size_t>(out)];
          for (std::int64_t ki = 0; ki < w.size(0); ++ki)
            for (std::int64_t kj = 0; kj < w.size(1); ++kj)
              for (std::int64_t c = 0; c < group_in; ++c) {
                const std::int64_t row = i * o.stride[0] - o.padding[0] + ki * o.dilation[0];
                const std::int64_t column = j * o.stride[1] - o.padding[1] + kj * o.dilation[1];
                if (row < 0 || row >= x.size(1) || column < 0 || column >= x.size(2)) continue;
                const std::int64_t channel = out / group_out * group_in + c;
                sum += xs[static_cast<std::size_t>(
                           ((b * x.size(1) + row) * x.size(2) + column) * x.size(3) + channel)] *
                       ws[static_cast<std::size_t>(
                           ((ki * w.size(1) + kj) * group_in + c) * w.size(3) + out)];
              }
          result.push_back(sum);
        }
  return result;
}

struct Gradients {
  Tensor y, gx, gw, gb;
};

Gradients run_conv(Tensor x, Tensor w, Tensor bias, const Conv2dOptions& options) {
  x = clone(x).set_requires_grad(true);
  w = clone(w).set_requires_grad(true);
  bias = clone(bias).set_requires_grad(true);
  const Tensor y = conv2d(x, w, bias, options);
  y.backward(random_values(y.shape(), 4, y.dtype()));
  return {y.detach(), x.grad(), w.grad(), bias.grad()};
}

}  // namespace

TEST_CASE("conv2d in f64 equals its definition", "[conv2d]") {
  for (const Case& c : cases()) {
    CAPTURE(to_string(c.x), to_string(c.weight));
    const Tensor x = random_values(c.x, 1, DType::f64), w = random_values(c.weight, 2, DType::f64);
    const Tensor y = conv2d(x, w, double_bias(c), c.options);
    const Tensor expected =
        from_vector(naive_forward(x, w, double_bias(c), c.options, y.shape()), y.shape());
    CHECK(largest_difference(y, expected) < 1e-12);
  }
}

TEST_CASE("conv2d passes the gradient check", "[conv2d][gradient]") {
  const std::vector<Case> small{
      {{2, 4, 3, 2}, {3, 2, 2, 3}, {.padding = {1, 1}}},
      {{1, 5, 6, 2}, {3, 3, 2, 2}, {.stride = {2, 2}, .padding = {1, 0}}},
      {{1, 6, 5, 4}, {2, 2, 2, 4}, {.padding = {1, 1}, .dilation = {2, 1}, .groups = 2}},
  };
  for (const Case& c : small) {
    const auto f = [&](const std::vector<Tensor>& in) {
      return conv2d(in[0], in[1], in[2], c.options);
    };
    CHECK(gradient_mismatch(f, {random_values(c.x, 1, DType::f64),
                                random_values(c.weight, 2, DType::f64), double_bias(c)}) == "");
  }
}

TEST_CASE("conv2d in f32 and its gradients equal those in f64", "[conv2d]") {
  for (const Case& c : cases()) {
    CAPTURE(to_string(c.x), to_string(c.weight));
    const Tensor x = random_values(c.x, 1), w = random_values(c.weight, 2);
    const Tensor bias = random_values({c.weight[3]}, 3);
    const Gradients actual = run_conv(x, w, bias, c.options);
    const Gradients exact =
        run_conv(x.to(DType::f64), w.to(DType::f64), bias.to(DType::f64), c.options);
    CHECK(largest_difference(actual.y, exact.y) < 3e-5);
    CHECK(largest_difference(actual.gx, exact.gx) < 3e-5);
    CHECK(largest_difference(actual.gw, exact.gw) < 5e-5);
    CHECK(largest_difference(actual.gb, exact.gb) < 3e-5);
  }
}

TEST_CASE("conv2d folds time into the batch", "[conv2d]") {
  const Tensor x = random_values({3, 2, 6, 6, 4}, 1), w = random_values({3, 3, 4, 5}, 2);
  const Tensor y = conv2d(x, w);
  CHECK(y.shape() == Shape{3, 2, 4, 4, 5});
  const Tensor folded = conv2d(Tensor(x.storage(), 0, {6, 6, 6, 4}, DType::f32), w);
  CHECK(to_vector(y) == to_vector(folded));
}

TEST_CASE("a shard of time gives the bits of the whole in conv2d", "[conv2d]") {
  const Tensor x = random_values({10, 9, 9, 16}, 1), w = random_values({3, 3, 16, 24}, 2);
  const Tensor whole = conv2d(x, w, {}, {.padding = {1, 1}});
  const std::int64_t x_size = 9 * 9 * 16 * 4, y_size = 9 * 9 * 24 * 4;
  for (const std::int64_t count : {1, 3, 7}) {
    const Tensor shard(x.storage(), 2 * x_size, {count, 9, 9, 16}, DType::f32);
    const Tensor expected(whole.storage(), 2 * y_size, {count, 9, 9, 24}, DType::f32);
    CHECK(same_bits(conv2d(shard, w, {}, {.padding = {1, 1}}), expected));
  }
}

TEST_CASE("conv2d gives the same bits for any number of threads", "[conv2d][threads]") {
  for (const Case& c : cases()) {
    CAPTURE(to_string(c.x), to_string(c.weight));
    const Tensor x = random_values(c.x, 1), w = random_values(c.weight, 2);
    const Tensor bias = random_values({c.weight[3]}, 3);
    Gradients one;
    {
      const Threads threads(1);
      one = run_conv(x, w, bias, c.options);
    }
    const Threads threads(GENERATE(2, 3));
    const Gradients many = run_conv(x, w, bias, c.options);
    CHECK(same_bits(one.y, many.y));
    CHECK(same_bits(one.gx, many.gx));
    CHECK(same_bits(one.gw, many.gw));
    CHECK(same_bits(one.gb, many.gb));
  }
}

TEST_CASE("conv2d of no images", "[conv2d]") {
  const Gradients none =
      run_conv(zeros({0, 5, 5, 2}), random_values({3, 3, 2, 4}, 1), zeros({4}), {});
  CHECK(none.y.shape() == Shape{0, 3, 3, 4});
  CHECK(to_vector(none.gw) == std::vector<double>(72, 0.0));
  CHECK(to_vector(none.gb) == std::vector<double>(4, 0.0));
}

TEST_CASE("conv2d computes no input gradient that nobody wants", "[conv2d]") {
  const Tensor x = random_values({2, 6, 6, 3}, 1);
  Tensor w = random_values({3, 3, 3, 4}, 2);
  w.set_requires_grad(true);
  conv2d(x, w).backward(random_values({2, 4, 4, 4}, 3));
  CHECK(w.grad().defined());
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("conv2d takes no memory from the system once warm", "[conv2d]") {
  const Tensor x = random_values({8, 14, 14, 32}, 1), w = random_values({3, 3, 32, 32}, 2);
  for (int i = 0; i < 2; ++i) run_conv(x, w, zeros({32}), {.padding = {1, 1}});
  const std::int64_t before = cpu_allocator().stats().system_allocations;
  run_conv(x, w, zeros({32}), {.padding = {1, 1}});
  CHECK(cpu_allocator().stats().system_allocations == before);
}

TEST_CASE("conv2d says what does not fit", "[conv2d][errors]") {
  const Tensor x = zeros({2, 5, 5, 4}), w = zeros({3, 3, 4, 6});
  CHECK_THROWS_WITH(conv2d(zeros({5, 5, 4}), w),
                    "[conv2d] x must be (B, H, W, C) or (T, B, H, W, C); got (5, 5, 4).");
  CHECK_THROWS_WITH(conv2d(x, zeros({3, 4, 6})),
                    "[conv2d] weight must be (kh, kw, in / groups, out); got (3, 4, 6).");
  CHECK_THROWS_WITH(conv2d(x, zeros({3, 0, 4, 6})),
                    "[conv2d] weight must not be empty; got (3, 0, 4, 6).");
  CHECK_THROWS_WITH(conv2d(x, zeros({3, 3, 3, 6})),
                    "[conv2d] the channels of x must be groups times weight's third axis; got x "
                    "(2, 5, 5, 4), weight (3, 3, 3, 6) and groups 1.");
  CHECK_THROWS_WITH(conv2d(x, zeros({3, 3, 2, 5}), {}, {.groups = 2}),
                    "[conv2d] weight's last axis must be a multiple of groups; got (3, 3, 2, 5) "
                    "and 2.");
  CHECK_THROWS_WITH(conv2d(x, zeros({7, 3, 4, 6}), {}, {.padding = {0, 1}}),
                    "[conv2d] the padded image must be at least as large as the dilated kernel; "
                    "got x (2, 5, 5, 4), weight (7, 3, 4, 6), padding 0 x 1 and dilation 1 x 1.");
  CHECK_THROWS_WITH(conv2d(zeros({2, 0, 5, 4}), w, {}, {.padding = {2, 2}}),
                    contains("the padded image must be at least as large"));
  CHECK_THROWS_WITH(conv2d(x, w, {}, {.stride = {0, 1}}),
                    "[conv2d] stride must be >= 1; got 0 x 1.");
  CHECK_THROWS_WITH(conv2d(x, w, {}, {.padding = {-1, 1}}),
                    "[conv2d] padding must be >= 0; got -1 x 1.");
  CHECK_THROWS_WITH(conv2d(x, w, {}, {.dilation = {1, 0}}),
                    "[conv2d] dilation must be >= 1; got 1 x 0.");
  CHECK_THROWS_WITH(conv2d(x, w, {}, {.groups = 0}), "[conv2d] groups must be >= 1; got 0.");
  CHECK_THROWS_WITH(conv2d(x, w, zeros({5})), "[conv2d] bias must be (6,); got (5,).");
  CHECK_THROWS_WITH(conv2d(x, w, zeros({6}, {.dtype = DType::f64})),
                    "[conv2d] bias must be f32 on cpu as weight is; got f64 on cpu.");
  CHECK_THROWS_WITH(
      conv2d(zeros({2, 5, 5, 4}, {.dtype = DType::f64}), w),
      "[conv2d] x must have weight's dtype, or be 16-bit floats or packed spikes with an "
      "f32 weight; got x f64 and weight f32.");
  CHECK_THROWS_WITH(conv2d(x, zeros({3, 3, 4, 6}, {.dtype = DType::i64})),
                    "[conv2d] weight must be f32 or f64; got i64.");
}

}  // namespace ranvier::test
