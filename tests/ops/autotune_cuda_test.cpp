// Algorithms that are chosen by timing them. Sizes occur once in the program: plans are kept.
#include <functional>

#include "ranvier/core/autocast.h"
#include "ranvier/core/autotune.h"
#include "ranvier/core/cuda_graph.h"
#include "ranvier/ops/conv/conv2d.h"
#include "ranvier/ops/matmul/linear.h"
#include "tests/support/refusals.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

class Autotune {
 public:
  Autotune() { set_autotune(true); }
  ~Autotune() { set_autotune(false); }
  Autotune(const Autotune&) = delete;
  Autotune& operator=(const Autotune&) = delete;
};

/// Counts calls, and refuses none.
Refusal counted(LibraryCall call) { return Refusal(call, {.answer = Answer::served}); }

/// x, a weight, and the product of both on the CPU.
struct Product {
  explicit Product(std::int64_t rows)
      : x(narrow_values({rows, 40}, 1)),
        weight(narrow_values({40, 24}, 2)),
        y(linear(x, weight)),
        x_there(x.to(cuda_device)),
        weight_there(weight.to(cuda_device)) {}
  Tensor there() const { return linear(x_there, weight_there); }

  Tensor x, weight, y, x_there, weight_there;
};

/// y, and the gradients of the leaves it is made of.
std::vector<Tensor> results(const Tensor& y, const std::vector<Tensor>& leaves) {
  y.backward(narrow_values(y.shape(), 9).to(cuda_device).to(y.dtype()));
  std::vector<Tensor> all{y};
  for (const Tensor& leaf : leaves) all.push_back(leaf.grad());
  return all;
}

}  // namespace

TEST_CASE("products and convolutions that are timed give what others give", "[cuda]") {
  RV_NEEDS_CUDA();
  const DType compute = GENERATE(DType::f32, DType::bf16, DType::f16);
  const double rounding = compute == DType::f32 ? 1e-5 : compute == DType::bf16 ? 0x1p-7 : 0x1p-10;
  const AutocastGuard autocast(compute, cuda_device);
  const auto leaf = [](const Shape& shape, std::uint64_t seed) {
    return leaf_on_cuda(narrow_values(shape, seed).set_requires_grad(true));
  };
  // A result of 600 x 1000 has the sums of its bias's gradient from the product.
  const auto multiplied = [&] {
    const std::vector<Tensor> of{leaf({600, 640}, 1), leaf({640, 1000}, 2), leaf({1000}, 3)};
    return results(linear(of[0], of[1], of[2]), of);
  };
  const auto convolved = [&] {
    const std::vector<Tensor> of{leaf({2, 9, 8, 16}, 1), leaf({3, 3, 16, 24}, 2), leaf({24}, 3)};
    return results(conv2d(of[0], of[1], of[2]), of);
  };
  for (const auto& compute_all : {std::function(multiplied), std::function(convolved)}) {
    const std::vector<Tensor> expected = compute_all();
    const Autotune timed;
    for (int pass = 0; pass < 2; ++pass) {  // the second with what the first has chosen
      const std::vector<Tensor> got = compute_all();
      for (std::size_t i = 0; i < got.size(); ++i) check_same(got[i], expected[i], rounding);
    }
  }
}

TEST_CASE("a product is timed when its shape is met for the first time", "[cuda]") {
  RV_NEEDS_REFUSALS();
  const Product product(31);
  {
    const Refusal calls = counted(LibraryCall::matmul);
    product.there();
    CHECK(calls.refused() == 1);
  }
  const Autotune timed;
  const Refusal calls = counted(LibraryCall::matmul);
  check_same(product.there(), product.y, 1e-6);
  const int first = calls.refused();
  CHECK(first > 2);
  check_same(product.there(), product.y, 1e-6);
  CHECK(calls.refused() == first + 1);
}

TEST_CASE("an algorithm that does not run is not chosen", "[cuda]") {
  RV_NEEDS_REFUSALS();
  const Product product(37);
  const Autotune timed;
  const Refusal first(LibraryCall::matmul, {.count = 1});
  check_same(product.there(), product.y, 1e-6);
  CHECK(first.refused() == 1);
}

TEST_CASE("a shape that is met while work is recorded is not timed", "[cuda]") {
  RV_NEEDS_REFUSALS();
  const Product product(43);
  const Autotune timed;
  const Refusal calls = counted(LibraryCall::matmul);
  Tensor y;
  const CudaGraph graph(cuda_device, [&] { y = product.there(); });
  CHECK(calls.refused() == 1);
  graph.launch();
  check_same(y, product.y, 1e-6);
}

TEST_CASE("a convolution is timed when its shape is met for the first time", "[cuda]") {
  RV_NEEDS_REFUSALS();
  const Tensor x = narrow_values({2, 11, 6, 16}, 1), weight = narrow_values({3, 3, 16, 24}, 2);
  const Tensor there = x.to(cuda_device), filter = weight.to(cuda_device);
  const Autotune timed;
  const Refusal calls = counted(LibraryCall::convolution);
  check_same(conv2d(there, filter), conv2d(x, weight), 1e-6);
  const int first = calls.refused();
  CHECK(first > 2);
  check_same(conv2d(there, filter), conv2d(x, weight), 1e-6);
  CHECK(calls.refused() == first + 1);
}

}  // namespace ranvier::test
