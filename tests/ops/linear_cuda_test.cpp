#include <tuple>

#include "ranvier/core/allocator.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/matmul/linear.h"
#include "ranvier/ops/matmul/matmul.h"
#include "ranvier/ops/spikes/spikes.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

Tensor leaf(const Shape& shape, std::uint64_t seed, DType dtype = DType::f32) {
  return random_values(shape, seed, dtype).set_requires_grad(true);
}

Tensor narrow_leaf(const Shape& shape, std::uint64_t seed) {
  return narrow_values(shape, seed).set_requires_grad(true);
}

Tensor linear_of(const std::vector<Tensor>& leaves) {
  return linear(leaves[0], leaves[1], leaves[2]);
}

using Product = Tensor (*)(const std::vector<Tensor>& leaves);

// Checks `f` under autocast to `compute` against f32 on the CPU: of f32 `leaves` that all 16-bit
// formats hold and that are given on the device as `stored` says, with gradients as it says.
void check_autocast(Product f, const std::vector<Tensor>& leaves, const std::vector<DType>& stored,
                    DType compute) {
  const double rounding = compute == DType::bf16 ? 0x1p-8 : 0x1p-11;
  std::vector<Tensor> moved;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (!leaves[i].defined()) {
      moved.emplace_back();
      continue;
    }
    Tensor leaf = leaves[i].detach().to(cuda_device).to(stored[i]);
    moved.push_back(leaf.set_requires_grad(leaves[i].requires_grad()));
  }
  const Tensor expected = f(leaves);
  const Tensor seed = narrow_values(expected.shape(), 4);
  expected.backward(seed);
  Tensor y;
  {
    const AutocastGuard guard(compute, cuda_device);
    y = f(moved);
  }
  REQUIRE(y.dtype() == compute);
  check_same(y.detach().to(DType::f32), expected.detach(), 2 * rounding + 5e-6);
  y.backward(seed.to(cuda_device).to(compute));
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (!leaves[i].defined()) continue;
    INFO("gradient of leaf " << i);
    const Tensor gradient = moved[i].grad();
    REQUIRE(gradient.dtype() == stored[i]);
    const double of_stored = stored[i] == DType::f32 ? 0 : stored[i] == compute ? 1 : 9;
    check_same(gradient.to(DType::f32), leaves[i].grad(), of_stored * rounding + 5e-6);
  }
}

}  // namespace

TEST_CASE("linear layers on a CUDA device give what the CPU gives", "[cuda]") {
  RV_NEEDS_CUDA();
  struct Sizes {
    std::int64_t rows, in, out;
  };
  const auto [rows, in, out] =
      GENERATE(Sizes{1, 1, 1}, Sizes{3, 17, 5}, Sizes{17, 64, 3}, Sizes{128, 1000, 10},
               Sizes{5, 1, 40}, Sizes{4, 31, 1}, Sizes{1000, 100, 128}, Sizes{2050, 784, 96});
  CAPTURE(rows, in, out);
  const Tensor bias = GENERATE(false, true) ? leaf({out}, 3) : Tensor();
  check_on_cuda(linear_of, {leaf({rows, in}, 1), leaf({in, out}, 2), bias}, 5e-6);
}

TEST_CASE("long products in f32 on a CUDA device give what the CPU gives", "[cuda]") {
  RV_NEEDS_CUDA();
  struct Sizes {
    std::int64_t rows, in, out;
  };
  const auto [rows, in, out] =
      GENERATE(Sizes{4096, 128, 128}, Sizes{5003, 100, 128}, Sizes{9000, 128, 35},
               Sizes{4099, 1, 1}, Sizes{4200, 33, 66}, Sizes{40'000, 20, 9});
  CAPTURE(rows, in, out);
  const bool spikes = GENERATE(false, true);
  Tensor x = spikes ? random_spikes({rows, in}, 0.3, 1) : random_values({rows, in}, 1);
  const Tensor bias = GENERATE(false, true) ? leaf({out}, 3) : Tensor();
  check_on_cuda(linear_of, {x.set_requires_grad(true), leaf({in, out}, 2), bias}, 5e-6);
}

TEST_CASE("gradients of a layer's weight and bias on a CUDA device are right together", "[cuda]") {
  RV_NEEDS_CUDA();
  struct Sizes {
    std::int64_t rows, in, out;
  };
  SECTION("in f32") {
    const auto [rows, in, out] =
        GENERATE(Sizes{32'000, 128, 128}, Sizes{32'000, 128, 35}, Sizes{4100, 3, 1},
                 Sizes{3200, 100, 1000}, Sizes{3200, 40, 10});
    CAPTURE(rows, in, out);
    const double tolerance = out == 1 ? 1e-4 : 5e-6;  // a lone sum may be small beside its terms
    check_on_cuda(linear_of, {leaf({rows, in}, 1), leaf({in, out}, 2), leaf({out}, 3)}, tolerance);
  }
  SECTION("in 16 bit") {
    const DType compute = GENERATE(DType::bf16, DType::f16);
    const auto [rows, in, out] = GENERATE(
        Sizes{32'000, 128, 128}, Sizes{32'000, 128, 35}, Sizes{128, 784, 1000},
        Sizes{3200, 520, 1024}, Sizes{3200, 1000, 10}, Sizes{3200, 64, 10}, Sizes{100, 64, 7});
    CAPTURE(compute, rows, in, out);
    check_autocast(linear_of,
                   {narrow_leaf({rows, in}, 1), narrow_leaf({in, out}, 2), narrow_leaf({out}, 3)},
                   {compute, DType::f32, DType::f32}, compute);
  }
}

TEST_CASE("linear layers on a CUDA device compute in f64", "[cuda]") {
  RV_NEEDS_CUDA();
  check_on_cuda(
      linear_of,
      {leaf({7, 3, 33}, 1, DType::f64), leaf({33, 20}, 2, DType::f64), leaf({20}, 3, DType::f64)},
      1e-12);
  check_on_cuda(linear_of,
                {leaf({700, 65}, 1, DType::f64), leaf({65, 20}, 2, DType::f64), Tensor()}, 1e-12);
}

TEST_CASE("linear layers on a CUDA device take empty operands", "[cuda]") {
  RV_NEEDS_CUDA();
  check_on_cuda(linear_of, {leaf({0, 8}, 1), leaf({8, 4}, 2), leaf({4}, 3)}, 0);
}

TEST_CASE("linear layers on a CUDA device take shards that begin anywhere", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  const Tensor x = random_values({9, 7}, 1).to(cuda_device);
  const Tensor shard(x.storage(), 7 * 4, {8, 7}, DType::f32);
  const Tensor weight = random_values({7, 12}, 2);
  check_same(linear(shard, weight.to(cuda_device)), linear(shard.to(cpu_device), weight), 1e-6);
}

TEST_CASE("linear layers on a CUDA device take a bias that begins anywhere", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  const Tensor x = random_values({9, 43}, 1), weight = random_values({43, 28}, 2);
  const Tensor biases = random_values({29}, 3), moved = biases.to(cuda_device);
  for (const std::int64_t offset : {0, 4}) {  // with the plan of the first
    const Tensor bias(biases.storage(), offset, {28}, DType::f32);
    const Tensor shard(moved.storage(), offset, {28}, DType::f32);
    check_same(linear(x.to(cuda_device), weight.to(cuda_device), shard), linear(x, weight, bias),
               2e-6);
  }
}

TEST_CASE("linear layers on a CUDA device multiply packed spikes", "[cuda]") {
  RV_NEEDS_CUDA();
  const std::int64_t in = GENERATE(1, 64, 100, 200);
  const Tensor spikes = to_bits(random_spikes({37, in}, 0.3, 1));
  check_on_cuda(linear_of, {spikes, leaf({in, 24}, 2), leaf({24}, 3)}, 2e-6);
}

TEST_CASE("matmul on a CUDA device gives what the CPU gives", "[cuda]") {
  RV_NEEDS_CUDA();
  check_on_cuda([](const std::vector<Tensor>& t) { return matmul(t[0], t[1]); },
                {leaf({65, 130}, 1), leaf({130, 33}, 2)}, 2e-6);
}

TEST_CASE("the gradient of a bias on a CUDA device is summed over many rows", "[cuda]") {
  RV_NEEDS_CUDA();
  const std::int64_t out = GENERATE(1, 10, 128, 300);
  // A sum of numbers of both signs is small beside them, and the CPU adds parts of it in f32.
  check_on_cuda(linear_of,
                {random_values({70'000, 2}, 1), random_values({2, out}, 2), leaf({out}, 3)}, 1e-5);
}

TEST_CASE("under autocast linear layers on a CUDA device give 16 bit and sum in f32", "[cuda]") {
  RV_NEEDS_CUDA();
  const DType compute = GENERATE(DType::bf16, DType::f16);
  const DType x = GENERATE(DType::f32, DType::bf16, DType::f16);
  struct Sizes {
    std::int64_t rows, in, out;
  };
  const auto [rows, in, out] =
      GENERATE(Sizes{1, 1, 1}, Sizes{33, 9, 10}, Sizes{130, 64, 40}, Sizes{260, 1000, 10},
               Sizes{300, 1000, 96}, Sizes{33, 8, 1}, Sizes{5000, 264, 3}, Sizes{70, 5000, 16});
  CAPTURE(compute, x, rows, in, out);
  const Tensor bias = GENERATE(false, true) ? narrow_leaf({out}, 3) : Tensor();
  check_autocast(linear_of, {narrow_leaf({rows, in}, 1), narrow_leaf({in, out}, 2), bias},
                 {x, DType::f32, DType::f32}, compute);
}

TEST_CASE("under autocast linear layers on a CUDA device multiply packed spikes",
          "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  const DType compute = GENERATE(DType::bf16, DType::f16);
  const auto [in, out] = GENERATE(std::pair{100, 24}, std::pair{104, 10});
  Tensor dense = random_spikes({37, in}, 0.3, 1).set_requires_grad(true);
  Tensor bits = to_bits(dense.detach()).to(cuda_device).set_requires_grad(true);
  const Tensor weight = narrow_values({in, out}, 2), seed = narrow_values({37, out}, 3);
  linear(dense, weight).backward(seed);
  const AutocastGuard guard(compute, cuda_device);
  const Tensor y = linear(bits, weight.to(cuda_device));
  CHECK(y.dtype() == compute);
  y.backward(seed.to(cuda_device).to(compute));
  check_same(bits.grad(), dense.grad(), 5e-6);
}

TEST_CASE("under autocast matmul on a CUDA device gives 16 bit", "[cuda]") {
  RV_NEEDS_CUDA();
  const DType compute = GENERATE(DType::bf16, DType::f16);
  const DType a = GENERATE(DType::f32, DType::bf16), b = GENERATE(DType::f32, DType::f16);
  check_autocast([](const std::vector<Tensor>& t) { return matmul(t[0], t[1]); },
                 {narrow_leaf({65, 130}, 1), narrow_leaf({130, 33}, 2)}, {a, b}, compute);
}

TEST_CASE("without autocast products on a CUDA device widen 16-bit operands", "[cuda]") {
  RV_NEEDS_CUDA();
  const DType dtype = GENERATE(DType::bf16, DType::f16);
  Tensor x = random_values({17, 33}, 1).to(dtype);
  const Tensor weight = leaf({33, 20}, 2);
  check_same(linear(x.to(cuda_device), weight.detach().to(cuda_device)), linear(x, weight.detach()),
             2e-6);
  check_on_cuda(linear_of, {x.set_requires_grad(true), weight, leaf({20}, 3)}, 0x1p-7);
}

TEST_CASE("TF32 rounds products on a CUDA device, when it is asked for", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = random_values({256, 512}, 1), w = random_values({512, 256}, 2);
  const Tensor exact = linear(x, w);
  check_same(linear(x.to(cuda_device), w.to(cuda_device)), exact, 2e-6);
  set_tf32(true);
  const Tensor rough = linear(x.to(cuda_device), w.to(cuda_device));
  set_tf32(false);
  check_same(rough, exact, 2e-3);
  CHECK(largest_difference(rough, exact) > 1e-3);
}

TEST_CASE("products on a CUDA device have the same bits each time and take no new memory",
          "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = random_values({32'000, 100}, 1).to(cuda_device);
  const Tensor weight = leaf_on_cuda(leaf({100, 128}, 2)), bias = leaf_on_cuda(leaf({128}, 3));
  const Tensor seed = random_values({32'000, 128}, 4).to(cuda_device);
  const auto gradient = [&] {
    Tensor w = weight, b = bias;
    w.set_grad({});
    b.set_grad({});
    const Tensor y = linear(x, w, b);
    y.backward(seed);
    return std::tuple(y.detach(), w.grad(), b.grad());
  };
  const auto first = gradient();
  gradient();
  const std::int64_t before = allocator(cuda_device).stats().system_allocations;
  const auto last = gradient();
  CHECK(allocator(cuda_device).stats().system_allocations == before);
  check_same(std::get<0>(last), std::get<0>(first).to(cpu_device), 0);
  check_same(std::get<1>(last), std::get<1>(first).to(cpu_device), 0);
  check_same(std::get<2>(last), std::get<2>(first).to(cpu_device), 0);
}

TEST_CASE("linear layers refuse operands on two devices", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = zeros({2, 3}), w = zeros({3, 4}), b = zeros({4});
  CHECK_ERROR(linear(x.to(cuda_device), w), ErrorCode::invalid_argument,
              "[linear] x and weight must be on one device; got cuda:0 and cpu.");
  CHECK_ERROR(linear(x.to(cuda_device), w.to(cuda_device), b), ErrorCode::invalid_argument,
              "[linear] bias must be f32 on cuda:0 as weight is; got f32 on cpu.");
}

}  // namespace ranvier::test
