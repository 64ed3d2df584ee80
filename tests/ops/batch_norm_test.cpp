#include "ranvier/ops/norm/batch_norm.h"

#include <cmath>
#include <vector>

#include "ranvier/core/parallel.h"
#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/gradcheck.h"

using namespace ranvier;
using test::Approx;
using test::gradient_mismatch;

namespace {

Tensor random64(const Shape& shape, double mean = 0, double deviation = 1) {
  return normal(shape, mean, deviation).to(DType::f64);
}

RunningStatistics fresh_running(std::int64_t channels, DType dtype = DType::f32) {
  return {zeros({channels}, {.dtype = dtype}), full({channels}, 1, {.dtype = dtype})};
}

struct Moments {
  double mean, variance;
};

// Two passes in f64 over channel c of rows [first, last).
Moments two_pass(const Tensor& x, std::int64_t c, std::int64_t first, std::int64_t last) {
  const std::vector<double> values = to_vector(x);
  const auto at = [&](std::int64_t row) {
    return values[static_cast<std::size_t>(row * x.size(-1) + c)];
  };
  double mean = 0, variance = 0;
  for (std::int64_t row = first; row < last; ++row) mean += at(row) / double(last - first);
  for (std::int64_t row = first; row < last; ++row)
    variance += (at(row) - mean) * (at(row) - mean) / double(last - first);
  return {mean, variance};
}

struct RestoreThreads {
  int before = num_threads();
  ~RestoreThreads() { set_num_threads(before); }
};

}  // namespace

TEST_CASE("One-pass batch statistics agree with two passes in f64 for any shape") {
  seed(1);
  const auto [rows, channels] = GENERATE(table<std::int64_t, std::int64_t>({{1, 3},
                                                                            {7, 1},
                                                                            {1000, 1},
                                                                            {50001, 2},
                                                                            {333, 3},
                                                                            {130, 64},
                                                                            {4099, 37},
                                                                            {77, 128},
                                                                            {20, 3000}}));
  CAPTURE(rows, channels);
  const Tensor x = normal({rows, channels}, 3, 2);
  const BatchStatistics statistics = batch_statistics(x);
  CHECK(statistics.count == rows);
  CHECK(statistics.mean.shape() == Shape{1, channels});
  for (std::int64_t c = 0; c < channels; c += 17) {
    const Moments expected = two_pass(x, c, 0, rows);
    CHECK(statistics.mean.data<double>()[c] == Approx(expected.mean).epsilon(1e-6));
    CHECK(statistics.variance.data<double>()[c] == Approx(expected.variance).epsilon(1e-5));
  }
}

TEST_CASE("Batch statistics keep a small variance around a large mean") {
  std::vector<float> values;
  for (int i = 0; i < 10000; ++i) values.push_back(10000.0f + (i % 2 == 0 ? 0.0f : 0.0078125f));
  const BatchStatistics statistics = batch_statistics(from_vector(values, {5000, 2}));
  CHECK(statistics.variance.data<double>()[0] == 0);
  CHECK(statistics.mean.data<double>()[1] == 10000.0078125);
  const BatchStatistics one = batch_statistics(from_vector(values, {10000, 1}));
  CHECK(one.variance.item() == Approx(0.00390625 * 0.00390625).epsilon(1e-9));
  CHECK(one.mean.item() == Approx(10000.00390625).epsilon(1e-14));
}

TEST_CASE("Batch statistics are the same bits for every number of threads") {
  seed(2);
  const RestoreThreads restore;
  const Tensor x = normal({40000, 5}, 1, 3), g = normal({40000, 5}, 0, 1);
  std::vector<std::vector<double>> results;
  for (const int threads : {1, 2, 3, 7}) {
    set_num_threads(threads);
    const BatchStatistics statistics = batch_statistics(x, 4);
    Tensor gamma = full({5}, 2).set_requires_grad(true);
    Tensor beta = zeros({5}).set_requires_grad(true);
    batch_norm(x, gamma, beta, {}).backward(g);
    std::vector<double> all = to_vector(statistics.mean);
    for (const Tensor& more : {statistics.variance, gamma.grad(), beta.grad()})
      for (const double value : to_vector(more)) all.push_back(value);
    results.push_back(all);
  }
  for (const auto& result : results) CHECK(result == results[0]);
}

TEST_CASE("Batch norm gives every channel mean beta and deviation gamma") {
  seed(3);
  const Tensor x = normal({9, 4, 5, 6}, 2, 3);
  const Tensor y =
      batch_norm(x, tensor({1, 2, 3, 4, 5, 6}), tensor({0, -1, -2, -3, -4, -5}), {}, {.eps = 1e-9});
  const BatchStatistics of_y = batch_statistics(y);
  for (int c = 0; c < 6; ++c) {
    CHECK(of_y.mean.data<double>()[c] == Approx(-c).margin(1e-6));
    CHECK(std::sqrt(of_y.variance.data<double>()[c]) == Approx(c + 1).epsilon(1e-6));
  }
}

TEST_CASE("Batch norm applies exactly the published scale and shift") {
  seed(4);
  const Tensor x = normal({100, 7}, 2, 3), gamma = uniform({7}, 0, 2), beta = uniform({7}, -1, 1);
  const BatchStatistics statistics = batch_statistics(x);
  const BatchAffine affine = batch_affine(statistics, gamma, beta, 1e-5, DType::f32);
  const Tensor y = batch_norm(x, gamma, beta, {});
  const float* scale = affine.scale.data<float>();
  for (std::int64_t i = 0; i < x.numel(); ++i)
    CHECK(y.data<float>()[i] ==
          std::fma(x.data<float>()[i], scale[i % 7], affine.shift.data<float>()[i % 7]));
  for (int c = 0; c < 7; ++c) {
    const double mean = statistics.mean.data<double>()[c];
    const double variance = statistics.variance.data<double>()[c];
    CHECK(scale[c] ==
          static_cast<float>(double(gamma.data<float>()[c]) / std::sqrt(variance + 1e-5)));
    CHECK(affine.shift.data<float>()[c] ==
          static_cast<float>(double(beta.data<float>()[c]) - mean * double(scale[c])));
  }
}

TEST_CASE("Running statistics move by the momentum towards the mean and the unbiased variance") {
  const Tensor x = from_vector<float>({1, 10, 3, 30}, {2, 2});
  const RunningStatistics running = fresh_running(2);
  batch_norm(x, {}, {}, running, {.momentum = 0.25});
  CHECK(to_vector(running.mean) == std::vector<double>{0.5, 5});
  CHECK(to_vector(running.variance) == std::vector<double>{0.75 + 0.25 * 2, 0.75 + 0.25 * 200});
}

TEST_CASE("Evaluation normalises with the running statistics and leaves them alone") {
  const RunningStatistics running{tensor({1, 2}), tensor({4, 16})};
  const Tensor x = from_vector<float>({3, 10}, {1, 2});
  const auto options = GENERATE(BatchNormOptions{.eps = 1e-12, .training = false},
                                BatchNormOptions{.eps = 1e-12, .mode = BatchNormMode::frozen});
  const Tensor y = batch_norm(x, tensor({1, 3}), tensor({0, 1}), running, options);
  CHECK(y.data<float>()[0] == Approx(1));
  CHECK(y.data<float>()[1] == Approx(7));
  CHECK(to_vector(running.mean) == std::vector<double>{1, 2});
  CHECK(to_vector(running.variance) == std::vector<double>{4, 16});
}

TEST_CASE("Batch norm by steps is batch norm of each step in turn, bit for bit") {
  seed(5);
  const Tensor x = normal({3, 40, 70}, 1, 2), gamma = uniform({70}, 0, 2);
  const RunningStatistics at_once = fresh_running(70), in_turn = fresh_running(70);
  const Tensor y = batch_norm(x, gamma, {}, at_once, {.mode = BatchNormMode::step});
  for (std::int64_t t = 0; t < 3; ++t) {
    const Tensor step(x.storage(), t * 40 * 70 * 4, {40, 70}, DType::f32);
    const Tensor expected(y.storage(), t * 40 * 70 * 4, {40, 70}, DType::f32);
    CHECK(to_vector(batch_norm(step, gamma, {}, in_turn)) == to_vector(expected));
  }
  CHECK(to_vector(at_once.mean) == to_vector(in_turn.mean));
  CHECK(to_vector(at_once.variance) == to_vector(in_turn.variance));
}

TEST_CASE("Batch norm has the right gradients in every mode") {
  seed(6);
  const auto mode = GENERATE(BatchNormMode::batch, BatchNormMode::step, BatchNormMode::frozen);
  const bool training = GENERATE(true, false);
  const RunningStatistics running{random64({3}), full({3}, 2, {.dtype = DType::f64})};
  const auto f = [&](const std::vector<Tensor>& in) {
    const RunningStatistics copy{clone(running.mean), clone(running.variance)};
    return batch_norm(in[0], in[1], in[2], copy, {.training = training, .mode = mode});
  };
  CHECK(gradient_mismatch(f, {random64({2, 5, 3}, 1, 2), random64({3}, 1), random64({3})}) == "");
}

TEST_CASE("Batch norm without gamma and beta has the right gradient") {
  seed(7);
  const auto f = [](const std::vector<Tensor>& in) { return batch_norm(in[0], {}, {}, {}); };
  CHECK(gradient_mismatch(f, {random64({6, 2})}) == "");
}

TEST_CASE("Batch norm's gradients in f32 are those in f64 to rounding, also of wide inputs") {
  seed(8);
  const auto channels = GENERATE(std::int64_t{1}, 5, 128, 1500);
  const Tensor x = normal({301, channels}, 5, 2), g = normal({301, channels}, 0, 1);
  const auto gradient = [&](DType dtype) {
    Tensor leaf = x.to(dtype).detach().set_requires_grad(true);
    batch_norm(leaf, {}, {}, {}).backward(g.to(dtype));
    return to_vector(leaf.grad());
  };
  const std::vector<double> f32 = gradient(DType::f32), f64 = gradient(DType::f64);
  double worst = 0;
  for (std::size_t i = 0; i < f32.size(); ++i) worst = std::max(worst, std::abs(f32[i] - f64[i]));
  CHECK(worst < 2e-6);
}

TEST_CASE("Batch norm's gradients know that a large mean is rounded in f32") {
  seed(9);
  const Tensor x = normal({301, 2}, 10000, 0.01), g = normal({301, 2}, 0, 1);
  const auto gradients = [&](DType dtype) {
    Tensor leaf = x.to(dtype).detach().set_requires_grad(true);
    Tensor gamma = full({2}, 1, {.dtype = dtype}).set_requires_grad(true);
    batch_norm(leaf, gamma, {}, {}).backward(g.to(dtype));
    std::vector<double> all = to_vector(leaf.grad());
    for (const double value : to_vector(gamma.grad())) all.push_back(value);
    return all;
  };
  const std::vector<double> f32 = gradients(DType::f32), f64 = gradients(DType::f64);
  for (std::size_t i = 0; i < f32.size(); ++i) CHECK(f32[i] == Approx(f64[i]).margin(1e-4));
}

TEST_CASE("Evaluation takes an empty batch") {
  const Tensor y = batch_norm(zeros({0, 3}), {}, {}, fresh_running(3), {.training = false});
  CHECK(y.shape() == Shape{0, 3});
}

TEST_CASE("Batch norm says what is wrong with its arguments") {
  const auto invalid = ErrorCode::invalid_argument;
  const Tensor x = zeros({4, 3});
  const RunningStatistics running = fresh_running(3);
  CHECK_ERROR(batch_norm(scalar(1), {}, {}, running), invalid,
              "[batch_norm] x needs a channel axis; got shape ().");
  CHECK_ERROR(batch_norm(zeros({4, 3}, {.dtype = DType::u8}), {}, {}, {}), invalid,
              "[batch_norm] needs f32 or f64; got u8.");
  CHECK_ERROR(batch_norm(x, zeros({4}), {}, running), invalid,
              "[batch_norm] gamma must be f32 (3,) for x (4, 3); got f32 (4,).");
  CHECK_ERROR(batch_norm(x, {}, zeros({3}, {.dtype = DType::f64}), running), invalid,
              "[batch_norm] beta must be f32 (3,) for x (4, 3); got f64 (3,).");
  CHECK_ERROR(batch_norm(x, {}, {}, fresh_running(2)), invalid,
              "[batch_norm] the running mean must be f32 (3,) for x (4, 3); got f32 (2,).");
  CHECK_ERROR(batch_norm(x, {}, {}, {zeros({3}), zeros({2})}), invalid,
              "[batch_norm] the running variance must be f32 (3,)");
  CHECK_ERROR(batch_norm(x, {}, {}, {}, {.training = false}), invalid,
              "[batch_norm] needs running statistics unless it is training.");
  CHECK_ERROR(batch_norm(x, {}, {}, running, {.momentum = 1.5}), invalid,
              "[batch_norm] momentum must be in [0, 1]; got 1.5.");
  CHECK_ERROR(batch_norm(x, {}, {}, running, {.eps = 0}), invalid,
              "[batch_norm] eps must be > 0; got 0.");
  CHECK_ERROR(batch_norm(zeros({1, 3}), {}, {}, running), invalid,
              "[batch_norm] training needs at least 2 values per channel; got x (1, 3).");
  CHECK_ERROR(batch_norm(x, {}, {}, running, {.mode = BatchNormMode::step}), invalid,
              "[batch_norm] training needs at least 2 values per channel and step; got x (4, 3).");
  CHECK_ERROR(batch_norm(zeros({3}), {}, {}, running, {.mode = BatchNormMode::step}), invalid,
              "[batch_norm] step mode needs x [T, ..., C] with T >= 1; got (3,).");
  CHECK_ERROR(batch_statistics(scalar(1)), invalid,
              "[batch_statistics] x needs a channel axis; got shape ().");
  CHECK_ERROR(batch_statistics(x, 3), invalid,
              "[batch_statistics] groups must divide the first axis of x (4, 3); got 3.");
  CHECK_ERROR(batch_statistics(zeros({0, 3})), invalid,
              "[batch_statistics] no values per channel in x (0, 3).");
}
