#include <array>

#include "ranvier/core/allocator.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/conv/conv2d.h"
#include "ranvier/ops/spikes/spikes.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

struct Case {
  Shape x;
  std::array<std::int64_t, 2> kernel;
  std::int64_t out;
  Conv2dOptions options;
};

Tensor leaf(const Shape& shape, std::uint64_t seed, DType dtype = DType::f32) {
  return random_values(shape, seed, dtype).set_requires_grad(true);
}

Shape weight_shape(const Case& c) {
  return {c.kernel[0], c.kernel[1], c.x[-1] / c.options.groups, c.out};
}

auto conv_of(const Case& c) {
  return [options = c.options](const std::vector<Tensor>& t) {
    return conv2d(t[0], t[1], t[2], options);
  };
}

void check_case(const Case& c, DType dtype, double tolerance) {
  CAPTURE(c.x, c.kernel[0], c.kernel[1], c.out, c.options.groups);
  for (const bool bias : {false, true})
    check_on_cuda(conv_of(c),
                  {leaf(c.x, 1, dtype), leaf(weight_shape(c), 2, dtype),
                   bias ? leaf({c.out}, 3, dtype) : Tensor()},
                  tolerance);
}

// Checks a convolution of x, stored as `stored`, under autocast to `compute` against f32 on the
// CPU, with operands that 16-bit formats hold.
void check_autocast(const Case& c, DType stored, bool with_bias, DType compute) {
  CAPTURE(c.x, c.kernel[0], c.kernel[1], c.out, c.options.groups, stored, with_bias, compute);
  const double rounding = compute == DType::bf16 ? 0x1p-8 : 0x1p-11, sums = 1e-5;
  Tensor x = narrow_values(c.x, 1).set_requires_grad(true);
  Tensor w = narrow_values(weight_shape(c), 2).set_requires_grad(true);
  const Tensor b = with_bias ? narrow_values({c.out}, 3).set_requires_grad(true) : Tensor();
  Tensor x_cuda = x.detach().to(cuda_device).to(stored).set_requires_grad(true);
  Tensor w_cuda = leaf_on_cuda(w), b_cuda = leaf_on_cuda(b);
  const Tensor expected = conv2d(x, w, b, c.options);
  const Tensor seed = narrow_values(expected.shape(), 4);
  expected.backward(seed);
  Tensor y;
  {
    const AutocastGuard guard(compute, cuda_device);
    y = conv2d(x_cuda, w_cuda, b_cuda, c.options);
  }
  REQUIRE(y.dtype() == compute);
  y.backward(seed.to(cuda_device).to(compute));
  check_same(y.detach().to(DType::f32), expected.detach(), 2 * rounding + sums);
  const Tensor gx = x_cuda.grad();
  REQUIRE(gx.dtype() == stored);
  const double again = stored == compute || stored == DType::f32 ? 0 : 0x1p-8;
  check_same(gx.to(DType::f32), x.grad(), rounding + again + sums);
  check_same(w_cuda.grad(), w.grad(), rounding + sums);
  if (with_bias) check_same(b_cuda.grad(), b.grad(), sums);
}

const Case small_cases[] = {
    {{1, 1, 1, 1}, {1, 1}, 1, {}},
    {{2, 5, 7, 3}, {3, 3}, 5, {.padding = {1, 1}}},
    {{2, 9, 9, 1}, {3, 3}, 8, {.padding = {1, 1}}},
    {{3, 8, 6, 2}, {5, 5}, 12, {.stride = {2, 2}, .padding = {2, 2}}},
    {{2, 11, 9, 4}, {3, 2}, 16, {.stride = {2, 1}, .padding = {0, 1}, .dilation = {2, 1}}},
    {{2, 3, 6, 6, 8}, {3, 3}, 16, {.padding = {1, 1}}},
    {{2, 7, 7, 17}, {3, 3}, 11, {.padding = {1, 1}}},
    {{2, 8, 8, 16}, {1, 1}, 24, {}},
    {{2, 8, 8, 16}, {1, 1}, 24, {.stride = {2, 2}}},
    {{2, 9, 8, 16}, {3, 3}, 32, {.stride = {2, 2}, .padding = {1, 1}}},
    {{2, 12, 12, 16}, {3, 3}, 16, {.padding = {2, 2}, .dilation = {2, 2}}},
    {{2, 8, 8, 16}, {3, 3}, 32, {.padding = {1, 1}, .groups = 2}},
    {{2, 8, 8, 16}, {3, 3}, 16, {.padding = {1, 1}, .groups = 16}},
    {{2, 8, 8, 8}, {3, 3}, 16, {.padding = {1, 1}, .groups = 4}},
};

}  // namespace

TEST_CASE("convolutions on a CUDA device give what the CPU gives", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const Case& c : small_cases) check_case(c, DType::f32, 3e-6);
}

TEST_CASE("convolutions on a CUDA device compute in f64", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  for (const Case& c : small_cases) check_case(c, DType::f64, 1e-12);
}

TEST_CASE("large convolutions on a CUDA device give what the CPU gives", "[cuda]") {
  RV_NEEDS_CUDA();
  check_case({{16, 28, 28, 1}, {3, 3}, 128, {.padding = {1, 1}}}, DType::f32, 1e-5);
  check_case({{4, 34, 34, 2}, {3, 3}, 64, {.padding = {1, 1}}}, DType::f32, 1e-5);
  check_case({{4, 32, 32, 3}, {3, 3}, 20, {.padding = {1, 1}}}, DType::f32, 1e-5);
  check_case({{4, 32, 32, 3}, {7, 7}, 64, {.stride = {2, 2}, .padding = {3, 3}}}, DType::f32, 1e-5);
  check_case({{8, 14, 14, 128}, {3, 3}, 128, {.padding = {1, 1}}}, DType::f32, 1e-5);
  check_case({{2, 10, 10, 4}, {3, 3}, 1100, {.padding = {1, 1}}}, DType::f32, 1e-5);
}

TEST_CASE("convolutions on a CUDA device take no images", "[cuda]") {
  RV_NEEDS_CUDA();
  check_case({{0, 6, 6, 2}, {3, 3}, 4, {}}, DType::f32, 0);
  check_case({{0, 6, 6, 8}, {3, 3}, 4, {}}, DType::f32, 0);
}

TEST_CASE("convolutions on a CUDA device take packed spikes", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  const std::int64_t in = GENERATE(2, 3, 16, 70);
  const Case c{{2, 3, 8, 8, in}, {3, 3}, 16, {.padding = {1, 1}}};
  const Tensor spikes = to_bits(random_spikes(c.x, 0.3, 1));
  check_on_cuda(conv_of(c), {spikes, leaf(weight_shape(c), 2), leaf({c.out}, 3)}, 3e-6);
}

TEST_CASE("under autocast convolutions on a CUDA device give 16 bit", "[cuda]") {
  RV_NEEDS_CUDA();
  const DType compute = GENERATE(DType::bf16, DType::f16);
  const DType x = GENERATE(DType::f32, DType::bf16, DType::f16);
  for (const Case& c : small_cases)
    for (const bool bias : {false, true}) check_autocast(c, x, bias, compute);
  check_autocast({{16, 28, 28, 1}, {3, 3}, 128, {.padding = {1, 1}}}, x, true, compute);
  check_autocast({{4, 34, 34, 2}, {5, 5}, 72, {.padding = {2, 2}}}, x, false, compute);
  check_autocast({{3, 33, 31, 3}, {7, 7}, 64, {.stride = {2, 2}, .padding = {3, 3}}}, x, true,
                 compute);
  check_autocast({{2, 10, 10, 4}, {3, 3}, 136, {.padding = {1, 1}}}, x, false, compute);
  check_autocast({{300, 16, 16, 2}, {3, 3}, 32, {.padding = {1, 1}}}, x, true, compute);
}

TEST_CASE("under autocast convolutions on a CUDA device take packed spikes", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  const DType compute = GENERATE(DType::bf16, DType::f16);
  const std::int64_t in = GENERATE(2, 70);
  const Conv2dOptions options{.padding = {1, 1}};
  Tensor dense = random_spikes({2, 3, 8, 8, in}, 0.3, 1).set_requires_grad(true);
  Tensor bits = to_bits(dense.detach()).to(cuda_device).set_requires_grad(true);
  Tensor w = narrow_values({3, 3, in, 16}, 2).set_requires_grad(true), w_cuda = leaf_on_cuda(w);
  const Tensor expected = conv2d(dense, w, {}, options);
  const Tensor seed = narrow_values(expected.shape(), 3);
  expected.backward(seed);
  const AutocastGuard guard(compute, cuda_device);
  const Tensor y = conv2d(bits, w_cuda, {}, options);
  y.backward(seed.to(cuda_device).to(compute));
  const double rounding = compute == DType::bf16 ? 0x1p-8 : 0x1p-11;
  check_same(y.detach().to(DType::f32), expected.detach(), rounding + 5e-6);
  check_same(bits.grad(), dense.grad(), rounding + 5e-6);
  check_same(w_cuda.grad(), w.grad(), rounding + 5e-6);
}

TEST_CASE("without autocast convolutions on a CUDA device widen a 16-bit x", "[cuda]") {
  RV_NEEDS_CUDA();
  const std::int64_t in = GENERATE(2, 16);
  const Case c{{2, 3, 8, 8, in}, {3, 3}, 16, {.padding = {1, 1}}};
  Tensor x = random_values(c.x, 1).to(GENERATE(DType::bf16, DType::f16));
  const Tensor w = leaf(weight_shape(c), 2), b = leaf({c.out}, 3);
  check_same(conv2d(x.to(cuda_device), w.detach().to(cuda_device), {}, c.options),
             conv2d(x, w.detach(), {}, c.options), 3e-6);
  check_on_cuda(conv_of(c), {x.set_requires_grad(true), w, b}, 0x1p-7);
}

TEST_CASE("TF32 rounds convolutions on a CUDA device, when it is asked for", "[cuda]") {
  RV_NEEDS_CUDA();
  const std::int64_t size = GENERATE(1, 3);
  const Tensor x = leaf({2, 9, 9, 64}, 1), w = leaf({size, size, 64, 32}, 2);
  const Tensor seed = random_values({2, 10 - size, 10 - size, 32}, 3);
  const auto results = [&](Device device) {
    Tensor x_leaf = x.detach().to(device).set_requires_grad(true);
    Tensor w_leaf = w.detach().to(device).set_requires_grad(true);
    const Tensor y = conv2d(x_leaf, w_leaf);
    y.backward(seed.to(device));
    return std::array{y.detach(), x_leaf.grad(), w_leaf.grad()};
  };
  const auto exact = results(cpu_device), precise = results(cuda_device);
  set_tf32(true);
  const auto rough = results(cuda_device);
  set_tf32(false);
  for (std::size_t i = 0; i < exact.size(); ++i) {
    check_same(precise[i], exact[i], 3e-6);
    check_same(rough[i], exact[i], 2e-3);
    CHECK(largest_difference(rough[i], exact[i]) > 1e-3);
  }
}

TEST_CASE("convolutions on a CUDA device have the same bits each time and take no new memory",
          "[cuda]") {
  RV_NEEDS_CUDA();
  const std::int64_t in = GENERATE(1, 2, 64);
  const DType compute = GENERATE(DType::f32, DType::bf16);
  const AutocastGuard guard(compute, cuda_device);
  const Tensor x = leaf_on_cuda(leaf({32, 14, 14, in}, 1));
  const Tensor w = leaf_on_cuda(leaf({3, 3, in, 64}, 2));
  const Tensor seed = random_values({32, 14, 14, 64}, 3).to(cuda_device).to(compute);
  const auto gradients = [&] {
    Tensor x_leaf = x, w_leaf = w;
    x_leaf.set_grad({});
    w_leaf.set_grad({});
    const Tensor y = conv2d(x, w, {}, {.padding = {1, 1}});
    y.backward(seed);
    return std::vector<Tensor>{y.detach(), x.grad(), w.grad()};
  };
  const std::vector<Tensor> first = gradients();
  gradients();
  const std::int64_t before = allocator(cuda_device).stats().system_allocations;
  const std::vector<Tensor> last = gradients();
  CHECK(allocator(cuda_device).stats().system_allocations == before);
  for (std::size_t i = 0; i < first.size(); ++i) check_same(last[i], first[i].to(cpu_device), 0);
}

TEST_CASE("convolutions refuse operands on two devices", "[cuda]") {
  RV_NEEDS_CUDA();
  CHECK_ERROR(conv2d(zeros({1, 4, 4, 2}, {.device = cuda_device}), zeros({3, 3, 2, 4})),
              ErrorCode::invalid_argument,
              "[conv2d] x and weight must be on one device; got cuda:0 and cpu.");
}

}  // namespace ranvier::test
