// Batch normalisation on a CUDA device against the CPU. Sums are added up in another order, so
// results agree to rounding; the arithmetic of a value is the same, bit for bit.
#include "ranvier/ops/norm/batch_norm.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"

using namespace ranvier;
using namespace ranvier::test;

namespace {

using Leaves = std::vector<Tensor>;

Tensor leaf(const Shape& shape, double mean, double deviation, DType dtype) {
  return normal(shape, mean, deviation).to(dtype).detach().set_requires_grad(true);
}

RunningStatistics running_for(std::int64_t channels, DType dtype, Device device) {
  return {full({channels}, 0.25, {.dtype = dtype, .device = device}),
          full({channels}, 1.5, {.dtype = dtype, .device = device})};
}

double tolerance(DType dtype) { return dtype == DType::f32 ? 1e-6 : 1e-12; }

/// All of batch norm, and where it moves the running statistics.
void check_batch_norm(const Shape& shape, const BatchNormOptions& options, DType dtype) {
  CAPTURE(to_string(shape), static_cast<int>(options.mode), options.training, dtype == DType::f32);
  const std::int64_t channels = shape[-1];
  const RunningStatistics on_cpu = running_for(channels, dtype, cpu_device);
  const RunningStatistics on_cuda = running_for(channels, dtype, cuda_device);
  check_on_cuda(
      [&](const Leaves& in) {
        return batch_norm(in[0], in[1], in[2], in[0].device() == cpu_device ? on_cpu : on_cuda,
                          options);
      },
      {leaf(shape, 2, 3, dtype), leaf({channels}, 1, 0.3, dtype), leaf({channels}, 0, 1, dtype)},
      2 * tolerance(dtype));
  check_same(on_cuda.mean, on_cpu.mean, tolerance(dtype));
  check_same(on_cuda.variance, on_cpu.variance, tolerance(dtype));
}

}  // namespace

TEST_CASE("batch norm on a CUDA device agrees with the CPU for any shape", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Shape& shape :
         {Shape{2, 1}, Shape{7, 3}, Shape{1000, 1}, Shape{33, 4}, Shape{50001, 2}, Shape{4099, 37},
          Shape{3, 14, 14, 128}, Shape{20, 3000}, Shape{5, 1030}})
      check_batch_norm(shape, {}, dtype);
}

TEST_CASE("batch norm on a CUDA device agrees with the CPU in every mode", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : {DType::f32, DType::f64})
    for (const BatchNormMode mode :
         {BatchNormMode::batch, BatchNormMode::step, BatchNormMode::frozen})
      for (const bool training : {true, false})
        for (const std::int64_t channels : {5, 64})
          check_batch_norm({4, 3, 6, 5, channels}, {.training = training, .mode = mode}, dtype);
}

TEST_CASE("large batch statistics on a CUDA device are the CPU's to rounding", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = normal({64, 28, 28, 128}, 5, 2);
  const BatchStatistics on_cpu = batch_statistics(x), on_cuda = batch_statistics(x.to(cuda_device));
  CHECK(on_cuda.count == on_cpu.count);
  check_same(on_cuda.mean, on_cpu.mean, 1e-8);
  check_same(on_cuda.variance, on_cpu.variance, 1e-7);
}

TEST_CASE("batch statistics on a CUDA device keep a small variance around a large mean", "[cuda]") {
  RV_NEEDS_CUDA();
  std::vector<float> values;
  for (int i = 0; i < 10000; ++i) values.push_back(10000.0f + (i % 2 == 0 ? 0.0f : 0.0078125f));
  const Tensor x = from_vector(values, {10000, 1}).to(cuda_device);
  const BatchStatistics one = batch_statistics(x);
  CHECK(one.variance.item() == Approx(0.00390625 * 0.00390625).epsilon(1e-9));
  CHECK(one.mean.item() == Approx(10000.00390625).epsilon(1e-14));
}

TEST_CASE("batch norm on a CUDA device gives the same bits every time", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = normal({40000, 5}, 1, 3).to(cuda_device), g = normal({40000, 5}, 0, 1);
  const auto run = [&] {
    Tensor leaf = x.detach().set_requires_grad(true);
    batch_norm(leaf, {}, {}, {}).backward(g.to(cuda_device));
    return to_vector(leaf.grad());
  };
  CHECK(run() == run());
}

TEST_CASE("batch norm by steps on a CUDA device is that of each step in turn", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = normal({3, 40, 70}, 1, 2).to(cuda_device);
  const RunningStatistics at_once = running_for(70, DType::f32, cuda_device);
  const RunningStatistics in_turn = running_for(70, DType::f32, cuda_device);
  const Tensor y = batch_norm(x, {}, {}, at_once, {.mode = BatchNormMode::step});
  for (std::int64_t t = 0; t < 3; ++t) {
    const Tensor step(x.storage(), t * 40 * 70 * 4, {40, 70}, DType::f32);
    const Tensor expected(y.storage(), t * 40 * 70 * 4, {40, 70}, DType::f32);
    CHECK(to_vector(batch_norm(step, {}, {}, in_turn)) == to_vector(expected));
  }
  CHECK(to_vector(at_once.mean) == to_vector(in_turn.mean));
  CHECK(to_vector(at_once.variance) == to_vector(in_turn.variance));
}

TEST_CASE("normalised values on a CUDA device are the CPU's given the same coefficients",
          "[cuda]") {
  RV_NEEDS_CUDA();
  for (const std::int64_t channels : {7, 64}) {
    const Tensor x = normal({100, channels}, 2, 3);
    const BatchStatistics statistics = batch_statistics(x);
    const BatchAffine on_cpu = batch_affine(statistics, {}, {}, 1e-5, DType::f32);
    const BatchStatistics moved{statistics.mean.to(cuda_device),
                                statistics.variance.to(cuda_device), statistics.count};
    const BatchAffine on_cuda = batch_affine(moved, {}, {}, 1e-5, DType::f32);
    check_same(on_cuda.scale, on_cpu.scale, 0);
    check_same(on_cuda.shift, on_cpu.shift, 0);
    check_same(apply_batch_affine(x.to(cuda_device), on_cuda), apply_batch_affine(x, on_cpu), 0);
  }
}

TEST_CASE("evaluation on a CUDA device takes an empty batch", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = zeros({0, 3}, {.device = cuda_device}).set_requires_grad(true);
  const Tensor y =
      batch_norm(x, {}, {}, running_for(3, DType::f32, cuda_device), {.training = false});
  CHECK(y.shape() == Shape{0, 3});
  y.backward(zeros({0, 3}, {.device = cuda_device}));
}

TEST_CASE("batch norm wants its operands on one device", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = zeros({4, 3}, {.device = cuda_device});
  CHECK_ERROR(batch_norm(x, zeros({3}), {}, {}), ErrorCode::device,
              "[batch_norm] gamma is on cpu and x on cuda:0; all must be on one device.");
  CHECK_ERROR(batch_norm(x, {}, {}, running_for(3, DType::f32, cpu_device)), ErrorCode::device,
              "[batch_norm] the running mean is on cpu and x on cuda:0");
}
