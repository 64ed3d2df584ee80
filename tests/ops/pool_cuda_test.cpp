// Pooling on a CUDA device against the CPU: moves and sums in the same order, so the same bits.
#include "ranvier/ops/pool/pool2d.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"

using namespace ranvier;
using namespace ranvier::test;

namespace {

using Leaves = std::vector<Tensor>;

Tensor leaf(const Shape& shape, DType dtype) {
  return normal(shape, 0, 1).to(dtype).detach().set_requires_grad(true);
}

/// Values of which many in a window are equal.
Tensor spikes(const Shape& shape) {
  Tensor x = normal(shape, 0, 1);
  float* values = x.mutable_data<float>();
  for (std::int64_t i = 0; i < x.numel(); ++i) values[i] = values[i] > 0.5f ? 1.0f : 0.0f;
  return x;
}

Tensor packed(const Tensor& spikes) {
  const std::int64_t channels = spikes.size(-1), words = words_per_row(channels);
  Tensor bits = zeros(spikes.shape(), {.dtype = DType::bits});
  auto* out = bits.mutable_data<std::uint64_t>();
  for (std::int64_t i = 0; i < spikes.numel(); ++i)
    if (spikes.data<float>()[i] != 0)
      out[i / channels * words + i % channels / 64] |= std::uint64_t{1} << (i % channels % 64);
  return bits;
}

const std::vector<Pool2dOptions> sliding{{},
                                         {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}},
                                         {.kernel = {3, 2}, .stride = {1, 2}, .padding = {1, 1}},
                                         {.kernel = {2, 2}, .stride = {3, 1}},
                                         {.kernel = {1, 4}, .stride = {1, 1}, .padding = {0, 2}}};

}  // namespace

TEST_CASE("sliding pools on a CUDA device give the CPU's numbers", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : {DType::f32, DType::f64})
    for (const std::int64_t channels : {1, 3, 4, 17, 64, 130})
      for (const Pool2dOptions& options : sliding) {
        CAPTURE(channels, options.kernel[0], options.stride[0], dtype == DType::f32);
        const Tensor x = leaf({2, 3, 9, 7, channels}, dtype);
        check_on_cuda([&](const Leaves& in) { return max_pool2d(in[0], options); }, {x}, 0);
        check_on_cuda([&](const Leaves& in) { return avg_pool2d(in[0], options); },
                      {leaf(x.shape(), dtype)}, 0);
      }
}

TEST_CASE("adaptive and global pools on a CUDA device give the CPU's numbers", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : {DType::f32, DType::f64})
    for (const std::array<std::int64_t, 2> size :
         {std::array<std::int64_t, 2>{1, 1}, {3, 2}, {7, 5}, {20, 1}}) {
      CAPTURE(size[0], size[1], dtype == DType::f32);
      const Shape shape{3, 11, 5, 12};
      check_on_cuda([&](const Leaves& in) { return adaptive_max_pool2d(in[0], size); },
                    {leaf(shape, dtype)}, 0);
      check_on_cuda([&](const Leaves& in) { return adaptive_avg_pool2d(in[0], size); },
                    {leaf(shape, dtype)}, 0);
      check_on_cuda([&](const Leaves& in) { return global_avg_pool2d(in[0]); },
                    {leaf(shape, dtype)}, 0);
    }
}

TEST_CASE("large pools on a CUDA device give the CPU's numbers", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = leaf({4, 16, 28, 28, 128}, DType::f32);
  check_on_cuda([&](const Leaves& in) { return max_pool2d(in[0]); }, {x}, 0);
  check_on_cuda([&](const Leaves& in) { return avg_pool2d(in[0]); }, {leaf(x.shape(), DType::f32)},
                0);
}

TEST_CASE("ties and NaN in a pool go the CPU's way on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  Tensor x = spikes({3, 8, 6, 20});
  x.mutable_data<float>()[77] = x.mutable_data<float>()[1234] = NAN;
  x.set_requires_grad(true);
  check_on_cuda([&](const Leaves& in) { return max_pool2d(in[0]); }, {x}, 0);
}

TEST_CASE("pools of packed spikes on a CUDA device give the CPU's", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const std::int64_t channels : {1, 64, 70, 128})
    for (const Pool2dOptions& options : sliding) {
      CAPTURE(channels, options.kernel[0], options.stride[0]);
      const Tensor x = packed(spikes({2, 9, 7, channels})).set_requires_grad(true);
      check_on_cuda([&](const Leaves& in) { return max_pool2d(in[0], options); }, {x}, 0);
    }
}

TEST_CASE("a pool on a CUDA device without images gives none", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = zeros({0, 4, 4, 8}, {.device = cuda_device});
  CHECK(max_pool2d(x).shape() == Shape{0, 2, 2, 8});
  CHECK(global_avg_pool2d(x).shape() == Shape{0, 8});
}

TEST_CASE("a pool wants the gradient of its result on its device", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = leaf({1, 4, 4, 8}, DType::f32).to(cuda_device);
  CHECK_ERROR(max_pool2d(x).backward(zeros({1, 2, 2, 8})), ErrorCode::device,
              "the seed must have the tensor's shape (1, 2, 2, 8) and its device");
}
