#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "ranvier/core/parallel.h"
#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/reduce/extrema.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/reduce/variance.h"
#include "ranvier/ops/shape/broadcast.h"
#include "ranvier/ops/shape/shape_ops.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/gradcheck.h"

using namespace ranvier;
using ranvier::test::gradient_mismatch;

namespace {

constexpr auto invalid = ErrorCode::invalid_argument;

Tensor random_f64(const Shape& shape) { return normal(shape, 0, 1).to(DType::f64); }

/// The elements of x that make each result, in row order, found one index at a time.
std::vector<std::vector<double>> groups_by_hand(const Tensor& x, const std::vector<int>& axes) {
  std::set<int> reduced;
  for (int axis : axes) reduced.insert(x.shape().normalise_axis(axis));
  if (axes.empty())
    for (int axis = 0; axis < x.rank(); ++axis) reduced.insert(axis);
  std::int64_t results = 1;
  for (int axis = 0; axis < x.rank(); ++axis) results *= reduced.count(axis) ? 1 : x.size(axis);
  std::vector<std::vector<double>> groups(static_cast<std::size_t>(results));
  const std::vector<double> values = to_vector(x);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    std::int64_t result = 0, rest = i, scale = 1;
    for (int axis = x.rank() - 1; axis >= 0; rest /= x.size(axis--)) {
      if (reduced.count(axis)) continue;
      result += rest % x.size(axis) * scale;
      scale *= x.size(axis);
    }
    groups[static_cast<std::size_t>(result)].push_back(values[static_cast<std::size_t>(i)]);
  }
  return groups;
}

double sum_of(const std::vector<double>& values) {
  long double total = 0;
  for (double value : values) total += value;
  return static_cast<double>(total);
}

double var_of(const std::vector<double>& values, double correction) {
  const double mean = sum_of(values) / static_cast<double>(values.size());
  long double total = 0;
  for (double value : values) total += (value - mean) * (value - mean);
  return static_cast<double>(total) / (static_cast<double>(values.size()) - correction);
}

const std::vector<std::vector<int>> all_axes{{},     {0},    {1},    {2},       {-1},
                                             {0, 1}, {1, 2}, {0, 2}, {2, 1, 0}, {-2, 0}};

Tensor spikes(const Shape& shape) {
  Tensor bits = zeros(shape, {.dtype = DType::bits});
  const std::int64_t columns = shape[-1], words = words_per_row(columns);
  auto* out = bits.mutable_data<std::uint64_t>();
  for (std::int64_t i = 0; i < shape.numel(); ++i)
    if ((i * 7919 + i / 13) % 3 != 0 || i % columns == 5)
      out[i / columns * words + i % columns / 64] |= std::uint64_t{1} << (i % columns % 64);
  return bits;
}

Tensor unpacked(const Tensor& bits) {
  return from_vector(to_vector(bits), bits.shape()).to(DType::f32);
}

}  // namespace

TEST_CASE("reductions agree with sums by hand over every set of axes") {
  const Shape shapes[]{{3, 4, 5}, {1, 7, 2},   {5, 1, 3},    {3, 2, 1},
                       {1, 1, 1}, {40, 60, 9}, {3, 2500, 2}, {2, 1, 9000}};
  for (const Shape& shape : shapes)
    for (DType dtype : {DType::f32, DType::f64})
      for (const std::vector<int>& axes : all_axes) {
        const Tensor x = normal(shape, 1, 2).to(dtype);
        const auto groups = groups_by_hand(x, axes);
        const auto sums = to_vector(sum(x, axes)), means = to_vector(mean(x, axes)),
                   largest = to_vector(max(x, axes)), smallest = to_vector(min(x, axes)),
                   where = to_vector(argmax(x, axes)),
                   variances = to_vector(var(x, axes, {.correction = 0}));
        CAPTURE(shape, dtype, axes);
        REQUIRE(sums.size() == groups.size());
        const double tolerance = dtype == DType::f32 ? 1e-6 : 1e-13;
        bool good = true;
        for (std::size_t i = 0; i < groups.size(); ++i) {
          const auto& group = groups[i];
          const auto close = [&](double a, double b) {
            return std::abs(a - b) <= tolerance * (1 + std::abs(b));
          };
          const auto best = std::max_element(group.begin(), group.end());
          good = good && close(sums[i], sum_of(group)) &&
                 close(means[i], sum_of(group) / static_cast<double>(group.size())) &&
                 largest[i] == *best &&
                 smallest[i] == *std::min_element(group.begin(), group.end()) &&
                 where[i] == static_cast<double>(best - group.begin()) &&
                 close(variances[i], var_of(group, 0));
        }
        CHECK(good);
      }
}

TEST_CASE("reduced axes vanish, or stay with extent one") {
  const Tensor x = zeros({2, 3, 4});
  CHECK(sum(x).shape() == Shape{});
  CHECK(mean(x, {1}).shape() == Shape{2, 4});
  CHECK(max(x, {0, -1}).shape() == Shape{3});
  CHECK(sum(x, {}, {.keepdim = true}).shape() == Shape{1, 1, 1});
  CHECK(argmax(x, {1}, {.keepdim = true}).shape() == Shape{2, 1, 4});
  CHECK(var(x, {0, 2}, {.keepdim = true}).shape() == Shape{1, 3, 1});
  CHECK(argmax(x, {1}).dtype() == DType::i64);
  CHECK(sum(scalar(3)).item() == 3);
}

TEST_CASE("the gradients of reductions match differences over every set of axes") {
  const Tensor x = random_f64({3, 2, 4});
  for (const std::vector<int>& axes : all_axes) {
    CAPTURE(axes);
    CHECK(gradient_mismatch([&](const auto& in) { return sum(in[0], axes); }, {x}) == "");
    CHECK(gradient_mismatch([&](const auto& in) { return mean(in[0], axes); }, {x}) == "");
    CHECK(gradient_mismatch([&](const auto& in) { return max(in[0], axes); }, {x}) == "");
    CHECK(gradient_mismatch([&](const auto& in) { return min(in[0], axes, {.keepdim = true}); },
                            {x}) == "");
    CHECK(gradient_mismatch([&](const auto& in) { return var(in[0], axes, {.correction = 1}); },
                            {x}) == "");
    CHECK(gradient_mismatch([&](const auto& in) { return var(in[0], axes, {.correction = 0}); },
                            {x}) == "");
  }
}

TEST_CASE("the gradient of max and min goes to the first of equals, and argmax names it") {
  Tensor x = from_vector(std::vector<float>{1, 5, 5, 0, 0, 5}, {2, 3}).set_requires_grad(true);
  CHECK(to_vector(argmax(x, {1})) == std::vector<double>{1, 2});
  CHECK(to_vector(argmax(x, {0})) == std::vector<double>{0, 0, 0});
  CHECK(argmax(x).item() == 1);
  CHECK_FALSE(argmax(x).requires_grad());
  max(x).backward();
  min(x).backward();
  CHECK(to_vector(x.grad()) == std::vector<double>{0, 1, 0, 1, 0, 0});
  for (std::int64_t place : {0, 1023, 1024, 8191, 8192, 16384}) {
    Tensor peak = zeros({20000});
    peak.mutable_data<float>()[place] = 1;
    CHECK(argmax(peak).item() == static_cast<double>(place));
    CHECK(
        argmax(broadcast_to(reshape(peak, {20000, 1}), {20000, 2}), {0}).data<std::int64_t>()[1] ==
        place);
  }
  Tensor plateau = zeros({100});
  for (std::int64_t place : {41, 36, 99}) plateau.mutable_data<float>()[place] = 1;
  CHECK(argmax(plateau).item() == 36);
  const Tensor long_row = full({2, 30000}, 4);
  CHECK(to_vector(argmax(long_row, {1})) == std::vector<double>{0, 0});
  CHECK(to_vector(argmax(full({3000, 2}, 4), {0})) == std::vector<double>{0, 0});
}

TEST_CASE("the first NaN wins in max and min") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = tensor({1, nan, 7, nan, -2});
  CHECK(std::isnan(max(x).item()));
  CHECK(std::isnan(min(x).item()));
  CHECK(argmax(x).item() == 1);
  Tensor row = zeros({1000});
  for (std::int64_t place : {977, 640, 642}) row.mutable_data<float>()[place] = nan;
  CHECK(argmax(row).item() == 640);
  CHECK(to_vector(argmax(broadcast_to(reshape(row, {1000, 1}), {1000, 2}), {0})) ==
        std::vector<double>{640, 640});
}

TEST_CASE("sums are rounded once: small terms beside large ones are not lost") {
  const Tensor x = full({1 << 22}, 0.1);
  CHECK(sum(x).item() == static_cast<double>(static_cast<float>(0.1f * double(1 << 22))));
  CHECK(var(full({1000, 2}, 1e6), {0}).data<float>()[1] == 0);
}

TEST_CASE("packed spikes are counted along time") {
  for (std::int64_t steps : {0, 1, 2, 4, 25, 254, 255, 256, 600})
    for (const Shape& rest : {Shape{1}, Shape{3, 70}, Shape{2, 2, 128}, Shape{11, 300}}) {
      const Tensor bits = spikes(Shape{steps}.concat(rest));
      CAPTURE(steps, rest);
      const Tensor counts = sum(bits, {0});
      CHECK(counts.dtype() == DType::f32);
      CHECK(counts.shape() == rest);
      const bool equal = to_vector(counts) == to_vector(sum(unpacked(bits), {0}));
      CHECK(equal);
      if (steps == 0) continue;
      const bool rates = to_vector(mean(bits, {-bits.rank()}, {.keepdim = true})) ==
                         to_vector(mean(unpacked(bits), {0}));
      CHECK(rates);
    }
}

TEST_CASE("the gradient of a firing rate is f32 of the spikes' shape") {
  Tensor bits = spikes({4, 2, 3}).set_requires_grad(true);
  mean(bits, {0}).backward(from_vector(std::vector<float>{4, 8, 12, 16, 20, 24}, {2, 3}));
  std::vector<double> expected;
  for (int step = 0; step < 4; ++step) expected.insert(expected.end(), {1, 2, 3, 4, 5, 6});
  CHECK(bits.grad().dtype() == DType::f32);
  CHECK(to_vector(bits.grad()) == expected);
}

TEST_CASE("broadcasting copies along new axes and axes of one") {
  const Tensor x = from_vector(std::vector<float>{1, 2, 3}, {3, 1});
  CHECK(to_vector(broadcast_to(x, {2, 3, 2})) ==
        std::vector<double>{1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3});
  CHECK(to_vector(broadcast_to(tensor({1, 2}), {3, 2})) == std::vector<double>{1, 2, 1, 2, 1, 2});
  CHECK(to_vector(broadcast_to(scalar(4), {2})) == std::vector<double>{4, 4});
  CHECK(broadcast_to(x, {0, 3, 5}).shape() == Shape{0, 3, 5});
  CHECK(broadcast_to(zeros({1, 2}), {0, 2}).shape() == Shape{0, 2});
  CHECK(repeat_time(x, 4).shape() == Shape{4, 3, 1});
  const Tensor bits = spikes({2, 1, 70});
  CHECK(to_vector(broadcast_to(bits, {3, 2, 4, 70})) ==
        to_vector(broadcast_to(unpacked(bits), {3, 2, 4, 70})));
}

TEST_CASE("the gradient of a broadcast is the sum over its repeats") {
  for (const Shape& from : {Shape{}, Shape{4}, Shape{3, 1}, Shape{2, 3, 4}, Shape{2, 1, 4},
                            Shape{1, 3, 1}, Shape{1, 1, 1}}) {
    CAPTURE(from);
    CHECK(gradient_mismatch(
              [](const auto& in) {
                return broadcast_to(in[0], {2, 3, 4});
              },
              {random_f64(from)}) == "");
  }
  Tensor bits = spikes({2, 3}).set_requires_grad(true);
  repeat_time(bits, 5).backward(full({5, 2, 3}, 2));
  CHECK(to_vector(bits.grad()) == std::vector<double>(6, 10));
}

TEST_CASE("reductions of nothing are zero, or errors where there is no answer") {
  CHECK(to_vector(sum(zeros({0, 3}), {0})) == std::vector<double>{0, 0, 0});
  CHECK(sum(zeros({0})).item() == 0);
  CHECK(mean(zeros({0, 3}), {1}).shape() == Shape{0});
  CHECK(max(zeros({3, 0}), {0}).shape() == Shape{0});
  Tensor x = zeros({0, 3}, {.dtype = DType::f64}).set_requires_grad(true);
  for (const Tensor& y : {sum(x, {0}), mean(x, {1}), var(x, {1}), min(x, {1})})
    y.backward(zeros_like(y));
  CHECK(x.grad().shape() == Shape{0, 3});
  Tensor columnless = zeros({3, 0}, {.dtype = DType::f64}).set_requires_grad(true);
  const Tensor y = var(columnless, {0});
  y.backward(zeros_like(y));
  CHECK(columnless.grad().shape() == Shape{3, 0});
}

TEST_CASE("reductions give the same bits on one, two and three threads") {
  // In f64, where the order of additions shows.
  const Tensor wide = random_f64({7000, 70}), deep = random_f64({5, 100000}),
               cube = random_f64({30, 40, 300}), bits = spikes({25, 128, 1000});
  const auto run = [&] {
    std::vector<std::vector<double>> results;
    for (const auto& [x, axes] : std::vector<std::pair<Tensor, std::vector<int>>>{
             {wide, {0}}, {wide, {1}}, {deep, {1}}, {deep, {}}, {cube, {1}}, {cube, {0, 2}}}) {
      Tensor leaf = clone(x).set_requires_grad(true);
      for (const Tensor& y :
           {sum(leaf, axes), mean(leaf, axes), max(leaf, axes), var(leaf, axes)}) {
        y.backward(full(y.shape(), 0.3, {.dtype = DType::f64}));
        results.push_back(to_vector(y));
      }
      results.push_back(to_vector(leaf.grad()));
    }
    results.push_back(to_vector(sum(bits, {0})));
    return results;
  };
  const int before = num_threads();
  set_num_threads(1);
  const auto once = run();
  for (int threads : {2, 3}) {
    set_num_threads(threads);
    const bool same = run() == once;
    CHECK(same);
  }
  set_num_threads(before);
}

TEST_CASE("reductions and broadcasts say what they cannot do") {
  const Tensor x = zeros({2, 3}), bits = zeros({2, 3}, {.dtype = DType::bits});
  CHECK_ERROR(sum(x, {2}), invalid, "[sum] axis 2 is out of range for (2, 3).");
  CHECK_ERROR(max(x, {-3}), invalid, "[max] axis -3 is out of range for (2, 3).");
  CHECK_ERROR(mean(x, {1, -1}), invalid, "[mean] axis -1 of (2, 3) is named twice.");
  CHECK_ERROR(sum(zeros({2}, {.dtype = DType::u8})), invalid, "[sum] needs f32 or f64; got u8.");
  CHECK_ERROR(argmax(zeros({2}, {.dtype = DType::i64})), invalid,
              "[argmax] needs f32 or f64; got i64.");
  CHECK_ERROR(var(zeros({2}, {.dtype = DType::u8})), invalid, "[var] needs f32 or f64; got u8.");
  CHECK_ERROR(mean(zeros({0, 3}), {0}), invalid,
              "[mean] (0, 3) has no elements to take the mean of.");
  CHECK_ERROR(argmax(zeros({0, 3}), {0}), invalid,
              "[argmax] (0, 3) has no elements to choose from.");
  CHECK_ERROR(var(zeros({1, 3}), {0}), invalid,
              "[var] needs more elements than the correction, 1; got 1 of (1, 3).");
  CHECK_ERROR(var(x, {}, {.correction = -1}), invalid,
              "[var] the correction must be >= 0; got -1.");
  CHECK_ERROR(sum(bits, {1}), invalid,
              "[sum] packed spikes are counted along axis 0 of [T, ..., C] only; got axes (1) of "
              "(2, 3).");
  CHECK_ERROR(mean(bits), invalid, "[mean] packed spikes are counted along axis 0");
  CHECK_ERROR(sum(zeros({3}, {.dtype = DType::bits}), {0}), invalid, "got axes (0) of (3,).");
  CHECK_ERROR(max(bits, {0}), invalid, "[max] needs f32 or f64; got bits.");
  CHECK_ERROR(broadcast_to(x, {3}), invalid, "[broadcast_to] (2, 3) does not broadcast to (3,).");
  CHECK_ERROR(broadcast_to(x, {2, 4}), invalid, "(2, 3) does not broadcast to (2, 4).");
  CHECK_ERROR(broadcast_to(zeros({2, 1}, {.dtype = DType::bits}), {2, 3}), invalid,
              "[broadcast_to] packed spikes repeat along leading axes only; got (2, 1) to (2, 3).");
  CHECK_ERROR(repeat_time(x, 0), invalid, "[repeat_time] steps must be >= 1; got 0.");
}
