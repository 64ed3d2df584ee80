#include "ranvier/ops/pool/pool2d.h"

#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/gradcheck.h"

using namespace ranvier;

namespace {

Tensor image(std::initializer_list<float> values, std::int64_t height, std::int64_t width) {
  return from_vector(std::vector<float>(values), {1, height, width, 1});
}

Tensor random_f64(const Shape& shape) { return normal(shape, 0, 1).to(DType::f64); }

Tensor packed(const std::vector<int>& spikes, const Shape& shape) {
  Tensor bits = zeros(shape, {.dtype = DType::bits});
  const std::int64_t channels = shape[-1], words = words_per_row(channels);
  auto* out = bits.mutable_data<std::uint64_t>();
  for (std::size_t i = 0; i < spikes.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i) / channels,
               c = static_cast<std::int64_t>(i) % channels;
    if (spikes[i]) out[row * words + c / 64] |= std::uint64_t{1} << (c % 64);
  }
  return bits;
}

}  // namespace

TEST_CASE("max-pool takes the largest value of each window") {
  const Tensor x = image({1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 0, 0, 0, 9}, 4, 4);
  CHECK(to_vector(max_pool2d(x)) == std::vector<double>{6, 8, 9, 9});
}

TEST_CASE("max-pool gives the gradient to the first largest value in row order") {
  Tensor x = image({0, 1, 1, 0}, 2, 2).set_requires_grad(true);
  max_pool2d(x).backward(full({1, 1, 1, 1}, 3));
  CHECK(to_vector(x.grad()) == std::vector<double>{0, 3, 0, 0});
}

TEST_CASE("padding never wins a max-pool and counts as zero in a mean") {
  const Tensor x = image({-1, -2, -3, -4}, 2, 2);
  const Pool2dOptions options{.kernel = {2, 2}, .stride = {2, 2}, .padding = {1, 1}};
  CHECK(to_vector(max_pool2d(x, options)) == std::vector<double>{-1, -2, -3, -4});
  CHECK(to_vector(avg_pool2d(x, options)) == std::vector<double>{-.25, -.5, -.75, -1});
}

TEST_CASE("adaptive pools cut the image as PyTorch does") {
  const Tensor x = from_vector(std::vector<float>{1, 2, 3, 4, 5}, {1, 1, 5, 1});
  CHECK(to_vector(adaptive_avg_pool2d(x, {1, 3})) == std::vector<double>{1.5, 3, 4.5});
  CHECK(to_vector(adaptive_max_pool2d(x, {1, 3})) == std::vector<double>{2, 4, 5});
}

TEST_CASE("time folds into the batch of a pool, and global pooling leaves the channels") {
  const Tensor x = random_f64({2, 3, 4, 6, 5});
  CHECK(max_pool2d(x).shape() == Shape{2, 3, 2, 3, 5});
  const Tensor mean = global_avg_pool2d(x);
  CHECK(mean.shape() == Shape{2, 3, 5});
  double sum = 0;
  for (int pixel = 0; pixel < 24; ++pixel) sum += x.data<double>()[pixel * 5];
  CHECK(mean.data<double>()[0] == Approx(sum / 24));
}

TEST_CASE("pools of packed spikes are those of the same spikes in f32") {
  std::vector<int> spikes;
  for (int i = 0; i < 2 * 4 * 4 * 70; ++i) spikes.push_back((i * 7919 + i / 13) % 5 == 0);
  Tensor bits = packed(spikes, {2, 4, 4, 70}).set_requires_grad(true);
  std::vector<float> values(spikes.begin(), spikes.end());
  Tensor dense = from_vector(values, {2, 4, 4, 70}).set_requires_grad(true);
  const Tensor from_bits = max_pool2d(bits), from_dense = max_pool2d(dense);
  CHECK(from_bits.dtype() == DType::bits);
  CHECK(to_vector(from_bits) == to_vector(from_dense));
  const Tensor seed = normal({2, 2, 2, 70}, 0, 1);
  from_bits.backward(seed);
  from_dense.backward(seed);
  CHECK(to_vector(bits.grad()) == to_vector(dense.grad()));
}

TEST_CASE("gradients of all pools agree with finite differences") {
  const Tensor x = random_f64({2, 5, 4, 3});
  const Pool2dOptions overlapping{.kernel = {3, 2}, .stride = {1, 2}, .padding = {1, 1}};
  using V = std::vector<Tensor>;
  CHECK(test::gradient_mismatch([&](const V& v) { return max_pool2d(v[0], overlapping); }, {x}) ==
        "");
  CHECK(test::gradient_mismatch([&](const V& v) { return avg_pool2d(v[0], overlapping); }, {x}) ==
        "");
  CHECK(test::gradient_mismatch(
            [](const V& v) {
              return adaptive_avg_pool2d(v[0], {3, 3});
            },
            {x}) == "");
  CHECK(test::gradient_mismatch([](const V& v) { return global_avg_pool2d(v[0]); }, {x}) == "");
}

TEST_CASE("pools refuse shapes and options that make no sense") {
  const auto code = ErrorCode::invalid_argument;
  CHECK_ERROR(max_pool2d(zeros({4, 4})), code, "[max_pool2d] x must be [B, H, W, C]");
  CHECK_ERROR(max_pool2d(zeros({1, 4, 4, 1}), {.kernel = {5, 5}}), code,
              "does not fit an image of 4");
  CHECK_ERROR(avg_pool2d(zeros({1, 4, 4, 1}), {.kernel = {2, 2}, .padding = {2, 2}}), code,
              "padding in [0, kernel / 2]; got 2, 0 and 2");
  CHECK_ERROR(adaptive_avg_pool2d(zeros({1, 4, 4, 1}), {0, 1}), code, "sizes must be >= 1");
}
