#include "ranvier/core/autocast.h"

#include "ranvier/core/tape.h"
#include "ranvier/ops/conv/conv2d.h"
#include "ranvier/ops/matmul/linear.h"
#include "ranvier/ops/matmul/matmul.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/ops/spikes/spikes.h"
#include "tests/support/catch.h"
#include "tests/support/event_thresholds.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

struct Gradients {
  Tensor y, gx, gw;
};

template <class Op>
Gradients run(const Op& op, const Tensor& x_values, const Tensor& w_values, const Tensor& grad) {
  Tensor x = clone(x_values).set_requires_grad(true), w = clone(w_values).set_requires_grad(true);
  const Tensor y = op(x, w);
  y.backward(grad);
  return {y.detach(), x.grad(), w.grad()};
}

Tensor rounded(const Tensor& x) { return x.to(DType::bf16).to(DType::f32); }

// Under bf16 an operation does what f32 does with operands rounded beforehand.
template <class Op>
void check_bf16(const Op& op, const Tensor& x, const Tensor& w, const Tensor& grad) {
  Gradients actual;
  {
    const AutocastGuard guard(DType::bf16);
    actual = run(op, x, w, grad);
  }
  const Gradients expected = run(op, rounded(x), rounded(w), rounded(grad));
  CHECK(actual.y.dtype() == DType::f32);
  CHECK(actual.gx.dtype() == DType::f32);
  CHECK(actual.gw.dtype() == DType::f32);
  CHECK(largest_difference(actual.y, expected.y) < 2e-5);
  CHECK(largest_difference(actual.gx, expected.gx) < 2e-5);
  CHECK(largest_difference(actual.gw, expected.gw) < 5e-5);
  CHECK(largest_difference(actual.y, run(op, x, w, grad).y) > 1e-4);
}

}  // namespace

TEST_CASE("under bf16 products round their operands and sum in f32", "[autocast]") {
  if (!bf16_supported()) SKIP("this processor does not multiply bf16");
  SECTION("linear, few rows and many") {
    const std::int64_t rows = GENERATE(3, 2000);
    const Tensor bias = random_values({40}, 5);
    check_bf16([&](const Tensor& x, const Tensor& w) { return linear(x, w, bias); },
               random_values({rows, 65}, 1), random_values({65, 40}, 2),
               random_values({rows, 40}, 3));
  }
  SECTION("linear, sums of one number less than tiles take at once") {
    const auto [rows, in, out] = GENERATE(table<std::int64_t, std::int64_t, std::int64_t>(
        {{37, 63, 100}, {65, 63, 33}, {130, 2047, 33}, {63, 144, 18}, {66, 63, 31}}));
    check_bf16([](const Tensor& x, const Tensor& w) { return linear(x, w); },
               random_values({rows, in}, 1), random_values({in, out}, 2),
               random_values({rows, out}, 3));
  }
  SECTION("linear with a large weight") {
    check_bf16([](const Tensor& x, const Tensor& w) { return linear(x, w); },
               random_values({130, 600}, 1), random_values({600, 500}, 2),
               random_values({130, 500}, 3));
  }
  SECTION("matmul") {
    check_bf16([](const Tensor& a, const Tensor& b) { return matmul(a, b); },
               random_values({17, 33}, 1), random_values({33, 9}, 2), random_values({17, 9}, 3));
  }
  SECTION("conv2d at stride 1 and 2") {
    const std::int64_t stride = GENERATE(1, 2);
    const Conv2dOptions options{.stride = {stride, stride}, .padding = {1, 1}};
    const std::int64_t extent = (12 + 2 - 3) / stride + 1;
    check_bf16([&](const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, options); },
               random_values({3, 12, 12, 20}, 1), random_values({3, 3, 20, 24}, 2),
               random_values({3, extent, extent, 24}, 3));
  }
  SECTION("conv2d with strides wider than the image") {
    const Conv2dOptions options{.stride = {1, 2}, .padding = {1, 1}};
    check_bf16([&](const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, options); },
               random_values({3, 5, 1, 40}, 1), random_values({2, 3, 40, 24}, 2),
               random_values({3, 6, 1, 24}, 3));
  }
  SECTION("conv2d with rows of the kernel apart") {
    const Conv2dOptions options{.dilation = {2, 1}};
    check_bf16([&](const Tensor& x, const Tensor& w) { return conv2d(x, w, {}, options); },
               random_values({3, 8, 9, 70}, 1), random_values({2, 3, 70, 24}, 2),
               random_values({3, 6, 7, 24}, 3));
  }
}

TEST_CASE("under bf16 a row of a product has the same bits among any number of rows",
          "[autocast]") {
  if (!bf16_supported()) SKIP("this processor does not multiply bf16");
  const AutocastGuard guard(DType::bf16);
  const std::int64_t out = GENERATE(1, 2, 5, 8, 10, 40);
  CAPTURE(out);
  const Tensor x = random_values({70, 100}, 1), w = random_values({100, out}, 2);
  const Tensor whole = linear(x, w);
  for (const std::int64_t rows : {1, 2, 31, 32, 33, 34, 64, 65}) {
    CAPTURE(rows);
    CHECK(same_bits(linear(slice(x, 0, 3, 3 + rows), w), slice(whole, 0, 3, 3 + rows)));
  }
}

TEST_CASE("under bf16 spikes are exact, by events and densely", "[autocast][event]") {
  if (!bf16_supported()) SKIP("this processor does not multiply bf16");
  const AutocastGuard guard(DType::bf16);
  const Tensor spikes = random_spikes({2, 10, 10, 32}, 0.2, 1),
               w = random_values({3, 3, 32, 64}, 2);
  const Tensor fc = random_values({32, 64}, 3);
  const auto both = [&](double threshold) {
    const AllThresholds forced(DType::bf16, threshold);
    const Tensor bits = to_bits(spikes);
    return std::pair{conv2d(bits, w, {}, {.padding = {1, 1}}), linear(bits, fc)};
  };
  const auto dense = both(0), events = both(1);
  CHECK(largest_difference(events.first, dense.first) < 1e-5);
  CHECK(largest_difference(events.second, dense.second) < 1e-5);
}

TEST_CASE("what is recorded under a guard is differentiated as it was computed", "[autocast]") {
  if (!bf16_supported()) SKIP("this processor does not multiply bf16");
  const Tensor x = random_values({8, 32}, 1), grad = random_values({8, 16}, 3);
  Tensor inside = random_values({32, 16}, 2).set_requires_grad(true), outside = clone(inside);
  outside.set_requires_grad(true);
  Tensor y;
  {
    const AutocastGuard guard(DType::bf16);
    y = linear(x, inside);
    linear(x, outside).backward(grad);
  }
  y.backward(grad);
  CHECK(same_bits(inside.grad(), outside.grad()));
}

TEST_CASE("products on the CPU widen 16-bit operands", "[autocast]") {
  const DType dtype = GENERATE(DType::bf16, DType::f16);
  const auto check = [&](const auto& op, const Tensor& x, const Tensor& w) {
    const Tensor narrow = x.to(dtype), grad = random_values(op(x, w).shape(), 3);
    const Gradients actual = run(op, narrow, w, grad);
    const Gradients expected = run(op, narrow.to(DType::f32), w, grad);
    CHECK(same_bits(actual.y, expected.y));
    CHECK(same_bits(actual.gx, expected.gx.to(dtype)));
    CHECK(same_bits(actual.gw, expected.gw));
  };
  check([](const Tensor& x, const Tensor& w) { return linear(x, w); }, random_values({7, 33}, 1),
        random_values({33, 10}, 2));
  check([](const Tensor& a, const Tensor& b) { return matmul(a, b); }, random_values({7, 33}, 1),
        random_values({33, 10}, 2));
  check(
      [](const Tensor& x, const Tensor& w) {
        return conv2d(x, w, {}, {.padding = {1, 1}});
      },
      random_values({2, 6, 6, 5}, 1), random_values({3, 3, 5, 8}, 2));
}

TEST_CASE("f64 is not affected by autocast", "[autocast]") {
  if (!bf16_supported()) SKIP("this processor does not multiply bf16");
  const Tensor x = random_values({4, 5}, 1, DType::f64), w = random_values({5, 6}, 2, DType::f64);
  const Tensor y = linear(x, w);
  const AutocastGuard guard(DType::bf16);
  CHECK(same_bits(linear(x, w), y));
}

TEST_CASE("guards nest and end", "[autocast]") {
  CHECK(autocast_dtype() == DType::f32);
  if (bf16_supported()) {
    const AutocastGuard guard(DType::bf16);
    CHECK(autocast_dtype() == DType::bf16);
    {
      const AutocastGuard inner(DType::f32);
      CHECK(autocast_dtype() == DType::f32);
    }
    CHECK(autocast_dtype() == DType::bf16);
  }
  CHECK(autocast_dtype() == DType::f32);
}

TEST_CASE("a guard is for devices of one type", "[autocast]") {
  constexpr Device cuda{DeviceType::cuda, 0};
  const AutocastGuard guard(DType::f16, cuda);
  CHECK(autocast_dtype(cuda) == DType::f16);
  CHECK(autocast_dtype({DeviceType::cuda, 1}) == DType::f16);
  CHECK(autocast_dtype() == DType::f32);
  {
    const AutocastGuard inner(DType::bf16, cuda);
    CHECK(autocast_dtype(cuda) == DType::bf16);
  }
  CHECK(autocast_dtype(cuda) == DType::f16);
}

TEST_CASE("TF32 is off until it is asked for", "[autocast]") {
  CHECK_FALSE(tf32());
  set_tf32(true);
  CHECK(tf32());
  set_tf32(false);
}

TEST_CASE("autocast says what it needs", "[autocast][errors]") {
  CHECK_THROWS_WITH(AutocastGuard(DType::f64, {DeviceType::cuda, 0}),
                    "[autocast] the compute dtype on cuda:0 must be f32, bf16 or f16; got f64.");
  CHECK_THROWS_WITH(AutocastGuard(DType::f16),
                    "[autocast] the compute dtype must be f32 or bf16; got f16.");
  if (!bf16_supported())
    CHECK_THROWS_WITH(
        AutocastGuard(DType::bf16),
        "[autocast] this processor does not multiply bf16 (no AVX-512 BF16); use f32.");
}

}  // namespace ranvier::test
