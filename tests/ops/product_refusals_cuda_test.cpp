// Products that cuBLASLt has no algorithm for, or refuses to run. Sizes occur once in the program:
// plans of products are kept.
#include "ranvier/core/autocast.h"
#include "ranvier/ops/conv/conv2d.h"
#include "ranvier/ops/matmul/linear.h"
#include "tests/support/errors.h"
#include "tests/support/refusals.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

struct Layer {
  Tensor x, weight, bias;
};

/// Numbers that 16-bit formats hold, in f32.
Layer random_layer(std::int64_t rows, std::int64_t in, std::int64_t out, bool biased) {
  return {narrow_values({rows, in}, 1), narrow_values({in, out}, 2),
          biased ? narrow_values({out}, 3) : Tensor()};
}

Layer on_cuda(const Layer& layer) {
  return {leaf_on_cuda(layer.x), leaf_on_cuda(layer.weight), leaf_on_cuda(layer.bias)};
}

Tensor output(const Layer& layer) { return linear(layer.x, layer.weight, layer.bias); }

/// Checks the output of a layer on the CUDA device, computed in `compute`.
void check_output(const Layer& layer, DType compute) {
  const AutocastGuard guard(compute, cuda_device);
  const Tensor y = output(on_cuda(layer));
  REQUIRE(y.dtype() == compute);
  const double rounding = compute == DType::f32 ? 0 : compute == DType::bf16 ? 0x1p-8 : 0x1p-11;
  check_same(y.to(DType::f32), output(layer), 2 * rounding + 5e-6);
}

/// Checks the gradients of its weight and bias.
void check_gradients(Layer layer, DType compute) {
  layer.weight.set_requires_grad(true);
  layer.bias.set_requires_grad(true);
  const Layer moved = on_cuda(layer);
  const Tensor expected = output(layer), seed = narrow_values(expected.shape(), 4);
  expected.backward(seed);
  const AutocastGuard guard(compute, cuda_device);
  output(moved).backward(seed.to(cuda_device).to(compute));
  check_same(moved.weight.grad(), layer.weight.grad(), 5e-6);
  check_same(moved.bias.grad(), layer.bias.grad(), 5e-6);
}

}  // namespace

TEST_CASE("a bias that cuBLASLt does not add is added after the product", "[cuda]") {
  RV_NEEDS_REFUSALS();
  const DType compute = GENERATE(DType::f32, DType::bf16, DType::f16);
  const LibraryCall call = GENERATE(LibraryCall::matmul_heuristic, LibraryCall::matmul);
  const Layer layer = random_layer(23, call == LibraryCall::matmul ? 61 : 62, 37, true);
  {
    const Refusal refusal(call, {.count = 1});
    check_output(layer, compute);
    CHECK(refusal.refused() == 1);
  }
  const Refusal again(call);  // asks for no epilogue and so for no plan any more
  if (call == LibraryCall::matmul_heuristic) check_output(layer, compute);
  CHECK(again.refused() == 0);
}

TEST_CASE("the gradient of a bias that cuBLASLt does not give is summed after that of the weight",
          "[cuda]") {
  RV_NEEDS_REFUSALS();
  const DType compute = GENERATE(DType::bf16, DType::f16);
  const LibraryCall call = GENERATE(LibraryCall::matmul_heuristic, LibraryCall::matmul);
  const Layer layer = random_layer(33, call == LibraryCall::matmul ? 530 : 531, 1000, true);
  const Refusal refusal(call, {.first = 1, .count = 1});  // the first is the output
  check_gradients(layer, compute);
  CHECK(refusal.refused() == 1);
}

TEST_CASE("a product whose 16-bit result cuBLASLt cannot write is rounded from f32", "[cuda]") {
  RV_NEEDS_REFUSALS();
  const DType compute = GENERATE(DType::bf16, DType::f16);
  const bool biased = GENERATE(false, true);
  const Layer layer = random_layer(21, 63, 39, biased);
  const int plans = biased ? 2 : 1;
  const Refusal refusal(LibraryCall::matmul_heuristic, {.count = plans});
  for (int i = 0; i < 2; ++i) check_output(layer, compute);
  CHECK(refusal.refused() == plans);
}

TEST_CASE(
    "a 16-bit product that cuBLASLt has with a bias only, and does not run, is rounded from "
    "f32",
    "[cuda]") {
  RV_NEEDS_REFUSALS();
  const DType compute = GENERATE(DType::bf16, DType::f16);
  const Layer layer = random_layer(22, 65, 41, true);
  const Refusal run(LibraryCall::matmul, {.count = 1});
  const Refusal without_bias(LibraryCall::matmul_heuristic, {.first = 1, .count = 1});
  for (int i = 0; i < 2; ++i) check_output(layer, compute);
  CHECK(run.refused() == 1);
  CHECK(without_bias.refused() == 1);
}

TEST_CASE("products say that cuBLASLt has no algorithm, and look for one again", "[cuda]") {
  RV_NEEDS_REFUSALS();
  const Layer layer = random_layer(3, 67, 21, true), moved = on_cuda(layer);
  const Tensor images = narrow_values({2, 3, 3, 18}, 1).to(cuda_device);
  const Tensor filter = narrow_values({1, 1, 18, 20}, 2).to(cuda_device);
  {
    const Refusal refusal(LibraryCall::matmul_heuristic);
    CHECK_ERROR(output(moved), ErrorCode::device,
                "[linear] cuBLASLt has no algorithm for (3, 67) by (67, 21) in f32.");
    CHECK_ERROR(conv2d(images, filter), ErrorCode::device,
                "[conv2d] cuBLASLt has no algorithm for (18, 18) by (18, 20) in f32.");
    const AutocastGuard guard(DType::bf16, cuda_device);
    CHECK_ERROR(output(moved), ErrorCode::device,
                "[linear] cuBLASLt has no algorithm for (3, 67) by (67, 21) in bf16.");
  }
  check_output(layer, DType::f32);
}

TEST_CASE("products say what cuBLASLt reports", "[cuda]") {
  RV_NEEDS_REFUSALS();
  const bool biased = GENERATE(false, true);
  const Layer layer = random_layer(5, 69, 23, biased), moved = on_cuda(layer);
  {
    const Refusal failure(LibraryCall::matmul, {.answer = Answer::failed});
    CHECK_ERROR(output(moved), ErrorCode::device, "(CUBLAS_STATUS_EXECUTION_FAILED).");
    CHECK(failure.refused() == 1);
  }
  {
    const Refusal refusal(LibraryCall::matmul);
    CHECK_ERROR(output(moved), ErrorCode::device,
                "[linear] cuBLASLt reports: the requested functionality is not supported "
                "(CUBLAS_STATUS_NOT_SUPPORTED).");
  }
  check_output(layer, DType::f32);
}

}  // namespace ranvier::test
