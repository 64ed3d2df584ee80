// Convolutions that cuDNN has no algorithm for, or refuses to run. Heights occur once in the
// program: plans of convolutions are kept.
#include "ranvier/core/autocast.h"
#include "ranvier/ops/conv/conv2d.h"
#include "tests/support/errors.h"
#include "tests/support/refusals.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

constexpr int results = 3;  // y and the gradients of x and of the filter

struct Convolution {
  Tensor x, weight, bias;
};

/// Numbers that 16-bit formats hold, in f32, of images of 7 columns.
Convolution random_convolution(std::int64_t height) {
  return {narrow_values({2, height, 7, 16}, 1), narrow_values({3, 3, 8, 24}, 2),
          narrow_values({24}, 3)};
}

/// In two groups.
Tensor output(const Convolution& c, std::int64_t dilation = 1) {
  return conv2d(c.x, c.weight, c.bias,
                {.padding = {1, 2}, .dilation = {dilation, dilation}, .groups = 2});
}

/// Checks y and all gradients on the CUDA device, computed in `compute`, as x is stored there.
void check_results(Convolution c, DType compute, std::int64_t dilation = 1) {
  for (Tensor* const leaf : {&c.x, &c.weight, &c.bias})
    *leaf = leaf->detach().set_requires_grad(true);
  Tensor x = c.x.detach().to(cuda_device).to(compute).set_requires_grad(true);
  const Convolution moved{x, leaf_on_cuda(c.weight), leaf_on_cuda(c.bias)};
  const Tensor expected = output(c, dilation), seed = narrow_values(expected.shape(), 4);
  expected.backward(seed);
  const AutocastGuard guard(compute, cuda_device);
  const Tensor y = output(moved, dilation);
  REQUIRE(y.dtype() == compute);
  y.backward(seed.to(cuda_device).to(compute));
  const double rounding = compute == DType::f32 ? 0 : compute == DType::bf16 ? 0x1p-8 : 0x1p-11;
  check_same(y.detach().to(DType::f32), expected.detach(), 2 * rounding + 1e-5);
  REQUIRE(x.grad().dtype() == compute);
  check_same(x.grad().to(DType::f32), c.x.grad(), rounding + 1e-5);
  check_same(moved.weight.grad(), c.weight.grad(), rounding + 1e-5);
  check_same(moved.bias.grad(), c.bias.grad(), 1e-5);
}

}  // namespace

TEST_CASE("a convolution that cuDNN refuses to run is run by another of its algorithms", "[cuda]") {
  RV_NEEDS_REFUSALS();
  const DType compute = GENERATE(DType::f32, DType::bf16, DType::f16);
  const int result = GENERATE(0, 1, 2);
  CAPTURE(compute, result);
  const Convolution c = random_convolution(31 + result);
  {
    const Refusal refusal(LibraryCall::convolution, {.first = result, .count = 1});
    check_results(c, compute);
    CHECK(refusal.refused() == 1);
  }
  check_results(c, compute);
}

TEST_CASE("convolutions that cuDNN refuses to run go to direct kernels", "[cuda]") {
  RV_NEEDS_REFUSALS();
  const DType compute = GENERATE(DType::f32, DType::bf16, DType::f16);
  const Refusal refusal(LibraryCall::convolution);
  constexpr int algorithms = 2;  // with sums in a fixed order
  for (int i = 0; i < 2; ++i) {
    check_results(random_convolution(34), compute);
    CHECK(refusal.refused() == results * algorithms);
  }
}

TEST_CASE("convolutions that cuDNN has no algorithm for go to direct kernels", "[cuda]") {
  RV_NEEDS_REFUSALS();
  const DType compute = GENERATE(DType::f32, DType::bf16, DType::f16);
  const Refusal heuristic(LibraryCall::convolution_heuristic);
  const Refusal run(LibraryCall::convolution);
  SECTION("because it proposes none, and the preferred one does not serve") {
    check_results(random_convolution(35), compute, 2);
  }
  SECTION("because all are refused") {
    const Refusal workspace(LibraryCall::convolution_workspace);
    check_results(random_convolution(36), compute);
    CHECK(workspace.refused() == results);
  }
  CHECK(heuristic.refused() == results);
  CHECK(run.refused() == 0);
}

TEST_CASE("convolutions go to the preferred algorithm where cuDNN proposes none", "[cuda]") {
  RV_NEEDS_REFUSALS();
  const DType compute = GENERATE(DType::f32, DType::bf16, DType::f16);
  const Refusal heuristic(LibraryCall::convolution_heuristic);
  const Refusal none(LibraryCall::convolution, {.first = results});  // one call for each
  check_results(random_convolution(37), compute);
  CHECK(heuristic.refused() == results);
  CHECK(none.refused() == 0);
}

TEST_CASE("convolutions say what cuDNN reports", "[cuda]") {
  RV_NEEDS_REFUSALS();
  const Convolution c = random_convolution(38);
  const Convolution moved{leaf_on_cuda(c.x), leaf_on_cuda(c.weight), leaf_on_cuda(c.bias)};
  {
    const Refusal failure(LibraryCall::convolution, {.answer = Answer::failed});
    CHECK_ERROR(output(moved), ErrorCode::device,
                "[conv2d] cuDNN reports: CUDNN_STATUS_EXECUTION_FAILED.");
    CHECK(failure.refused() == 1);
  }
  check_results(c, DType::f32);
}

}  // namespace ranvier::test
