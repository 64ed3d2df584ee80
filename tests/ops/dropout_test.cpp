#include "ranvier/ops/dropout/dropout.h"

#include <cmath>
#include <limits>

#include "ranvier/core/dispatch.h"
#include "ranvier/core/philox.h"
#include "ranvier/core/random.h"
#include "ranvier/layers/dropout.h"
#include "ranvier/ops/dropout/detail/dropout_kernels.h"
#include "ranvier/ops/shape/slice.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/gradcheck.h"
#include "tests/support/threads.h"
#include "tests/support/values.h"

using namespace ranvier;
using test::Approx;
using test::gradient_mismatch;
using test::random_values;
using test::same_bits;

namespace {

constexpr auto invalid = ErrorCode::invalid_argument;

Tensor ones(const Shape& shape) { return full(shape, 1); }

}  // namespace

TEST_CASE("dropout zeroes the share it was told to and scales the rest to keep the mean") {
  seed(1);
  for (const double p : {0.1, 0.5, 0.8}) {
    const auto scale = static_cast<double>(static_cast<float>(1 / (1 - p)));
    std::int64_t zeros = 0;
    for (const double y : to_vector(dropout(ones({100'000}), {.p = p}, true))) {
      REQUIRE((y == 0 || y == scale));
      zeros += y == 0;
    }
    CHECK(static_cast<double>(zeros) / 1e5 == Approx(p).margin(0.006));
  }
}

TEST_CASE("a dropout mask is made of the documented words of the generator") {
  default_generator() = {.seed = 9, .next_block = 70};
  const std::int64_t count = 2 * 64 + 17;
  const std::vector<double> y = to_vector(dropout(ones({count}), {.p = 0.25}, true));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint64_t block = 70 + static_cast<std::uint64_t>(16 * (i / 64) + i % 16);
    const bool kept = philox(9, block).word[i % 64 / 16] >= 0x40000000u;
    INFO("element " << i);
    CHECK((y[static_cast<std::size_t>(i)] != 0) == kept);
  }
  CHECK(default_generator().next_block == 70 + 3 * 16);
}

TEST_CASE("each call of dropout draws a new mask, and the seed fixes them all") {
  const Tensor x = ones({1000});
  seed(4);
  const Tensor first = dropout(x, {}, true), second = dropout(x, {}, true);
  CHECK_FALSE(same_bits(first, second));
  seed(4);
  CHECK(same_bits(dropout(x, {}, true), first));
  CHECK(same_bits(dropout(x, {}, true), second));
}

TEST_CASE("a shared mask is the same in every step, others are not") {
  seed(2);
  const std::int64_t inner = 7 * 33;
  const auto step = [&](const Tensor& y, std::int64_t t) {
    const std::vector<double> all = to_vector(y);
    return std::vector<double>(all.begin() + t * inner, all.begin() + (t + 1) * inner);
  };
  const Tensor shared = dropout(ones({5, 7, 33}), {.shared_steps = true}, true);
  const Tensor own = dropout(ones({5, 7, 33}), {}, true);
  for (std::int64_t t = 1; t < 5; ++t) {
    CHECK(step(shared, t) == step(shared, 0));
    CHECK(step(own, t) != step(own, 0));
  }
}

TEST_CASE("a shared mask keeps every step's own values") {
  seed(2);
  const Tensor x = random_values({3, 2, 50}, 1);
  const std::vector<double> in = to_vector(x),
                            out = to_vector(dropout(x, {.shared_steps = true}, true));
  for (std::size_t i = 0; i < in.size(); ++i) CHECK((out[i] == 0 || out[i] == 2 * in[i]));
}

TEST_CASE("dropout has the same bits for any number of threads") {
  const Tensor x = random_values({3, 50'021}, 1);
  for (const bool shared : {false, true}) {
    const auto run = [&](int count) {
      const test::Threads threads(count);
      seed(3);
      return dropout(x, {.p = 0.3, .shared_steps = shared}, true);
    };
    CHECK(same_bits(run(1), run(3)));
  }
}

TEST_CASE("dropout has the same bits on every instruction set and writes nothing else") {
  namespace kernel = dropout_detail;
  const kernel::Mask mask{.seed = 5, .first_block = 11, .threshold = 1u << 30};
  const auto run = [&](const kernel::Kernels& kernels, std::int64_t count) {
    const Tensor x = random_values({2, count}, 1);
    Tensor y = full({2 * count + 1}, 7);
    kernels.f32(mask, {x.data<float>(), y.mutable_data<float>(), 2, count, 0, 0, count, 1.5f});
    CHECK(y.data<float>()[2 * count] == 7);
    return y;
  };
  for (const std::int64_t count : {1, 63, 64, 65, 1023, 1025, 3000}) {
    const Tensor expected = run(kernel::isa_v2::kernels, count);
    if (isa_level() >= IsaLevel::v3)
      CHECK(same_bits(run(kernel::isa_v3::kernels, count), expected));
    if (isa_level() >= IsaLevel::v4)
      CHECK(same_bits(run(kernel::isa_v4::kernels, count), expected));
  }
}

TEST_CASE("the gradient of dropout passes through its mask, and nothing was saved") {
  seed(6);
  Tensor x = ones({4, 3, 100});
  x.set_requires_grad(true);
  const std::int64_t saved = saved_bytes();
  for (const bool shared : {false, true}) {
    x.set_grad({});
    const Tensor y = dropout(x, {.p = 0.4, .shared_steps = shared}, true);
    CHECK(saved_bytes() == saved);
    dropout(x, {}, true);  // the generator moves on
    y.backward(ones({4, 3, 100}), {.retain_graph = true});
    CHECK(same_bits(x.grad(), y.detach()));
    x.set_grad({});
    y.backward(ones({4, 3, 100}));
    CHECK(same_bits(x.grad(), y.detach()));
  }
}

TEST_CASE("dropout passes the gradient check") {
  for (const bool shared : {false, true}) {
    const auto fixed = [&](const std::vector<Tensor>& in) {
      seed(7);
      return dropout(in[0], {.p = 0.3, .shared_steps = shared}, true);
    };
    CHECK(gradient_mismatch(fixed, {random_values({2, 3, 5}, 1, DType::f64)}) == "");
  }
}

TEST_CASE("in evaluation and for p = 0 dropout is the identity and draws nothing") {
  seed(8);
  const Tensor x = ones({3});
  CHECK(dropout(x, {.p = 0.9}, false).is_same(x));
  CHECK(dropout(x, {.p = 0}, true).is_same(x));
  CHECK(default_generator().next_block == 0);
}

TEST_CASE("a dropped value is zero whatever it was") {
  seed(9);
  const Tensor x = full({1000}, std::numeric_limits<double>::quiet_NaN());
  std::int64_t zeros = 0;
  for (const double y : to_vector(dropout(x, {}, true))) {
    CHECK((y == 0 || std::isnan(y)));
    zeros += y == 0;
  }
  CHECK(zeros > 400);
}

TEST_CASE("dropout of nothing is nothing") {
  CHECK(dropout(zeros({0, 3}), {}, true).shape() == Shape{0, 3});
  CHECK(dropout(zeros({0, 3}), {.shared_steps = true}, true).shape() == Shape{0, 3});
  CHECK(dropout(zeros({2, 0}), {.shared_steps = true}, true).shape() == Shape{2, 0});
}

TEST_CASE("a probability as close to 1 as can be still leaves a valid mask") {
  seed(10);
  const double p = std::nextafter(1.0, 0.0);
  for (const double y : to_vector(dropout(ones({1000}), {.p = p}, true))) CHECK(y == 0);
}

TEST_CASE("dropout refuses probabilities, shapes and dtypes it is not defined for") {
  const Tensor x = ones({3});
  CHECK_ERROR(dropout(x, {.p = 1}, true), invalid, "[dropout] p must be in [0, 1); got 1.");
  CHECK_ERROR(dropout(x, {.p = -0.5}, false), invalid, "[dropout] p must be in [0, 1); got -0.5.");
  CHECK_ERROR(dropout(x, {.p = std::numeric_limits<double>::quiet_NaN()}, true), invalid,
              "got nan.");
  CHECK_ERROR(dropout(x, {.shared_steps = true}, true), invalid,
              "[dropout] shared_steps needs x [T, B, ...]; got shape (3,).");
  CHECK_ERROR(dropout(zeros({3}, {.dtype = DType::u8}), {}, true), invalid,
              "[dropout] needs f32 or f64; got u8.");
}

TEST_CASE("the dropout layer follows the training switch of its network") {
  seed(11);
  Dropout layer({.p = 0.5});
  const Tensor x = ones({64});
  CHECK_FALSE(layer(x).is_same(x));
  set_training(layer, false);
  CHECK(layer(x).is_same(x));
  set_training(layer, true);
  CHECK_FALSE(layer(x).is_same(x));
  CHECK(parameters(layer).empty());
  CHECK(Dropout::kind == "Dropout");
}

TEST_CASE("the dropout layer refuses its options when it is made") {
  CHECK_ERROR(Dropout({.p = 1.5}), invalid, "[dropout] p must be in [0, 1); got 1.5.");
}

TEST_CASE("parts of a larger array lose the elements they lose in the whole") {
  const std::int64_t steps = 5, samples = 4, features = 37;
  const Tensor x = random_values({steps, samples, features}, 3);
  for (const bool shared : {false, true}) {
    seed(8);
    const Tensor whole = dropout(x, {.shared_steps = shared}, true);
    for (const auto& [first, end] : {std::pair<std::int64_t, std::int64_t>{0, 2}, {2, 5}, {4, 5}})
      for (const auto& [begin, last] :
           {std::pair<std::int64_t, std::int64_t>{0, 4}, {0, 1}, {1, 3}, {3, 4}}) {
        seed(8);
        const auto part = [&](const Tensor& of) {
          return slice(slice(of, 0, first, end), 1, begin, last);
        };
        const DropoutPart at{first, steps, begin, samples};
        INFO("steps " << first << " to " << end << ", samples " << begin << " to " << last);
        CHECK(same_bits(dropout(part(x), {.shared_steps = shared, .part = at}, true), part(whole)));
      }
    const Generator after = default_generator();
    seed(8);
    dropout(x, {.shared_steps = shared}, true);
    CHECK(after.next_block == default_generator().next_block);
  }
}

TEST_CASE("a part of an array must lie within the whole") {
  CHECK_ERROR(dropout(ones({2, 3, 4}), {.part = {.first_step = 1, .steps = 2, .samples = 3}}, true),
              invalid, "x (2, 3, 4) at step 1 and sample 0 is no part of 2 steps and 3 samples");
}
