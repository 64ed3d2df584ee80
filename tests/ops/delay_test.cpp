// Learnable delays, against plain loops over the definition.
#include <array>
#include <cmath>
#include <limits>

#include "ranvier/core/tape.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/sequence/delay.h"
#include "ranvier/ops/sequence/detail/delay_geometry.h"
#include "ranvier/ops/sequence/detail/delay_kernels.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/slice.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/gradcheck.h"
#include "tests/support/threads.h"
#include "tests/support/values.h"
#include "tests/support/weighted_sum.h"

namespace ranvier {
namespace {

using test::random_values;
using test::same_bits;

constexpr auto invalid = ErrorCode::invalid_argument;

Tensor leaf(const Tensor& values) { return clone(values).set_requires_grad(true); }

Tensor delays_of(std::vector<float> steps, DType dtype = DType::f32) {
  const auto count = static_cast<std::int64_t>(steps.size());
  return from_vector(steps, {count}).to(dtype);
}

/// Delays all over [-0.3, most + 0.3], whole ones and both limits among them.
Tensor spread_delays(std::int64_t channels, std::int64_t most, DType dtype) {
  Tensor delays = empty({channels}, {.dtype = DType::f64});
  double* const d = delays.mutable_data<double>();
  for (std::int64_t c = 0; c < channels; ++c)
    d[c] = -0.3 + static_cast<double>(c * 7 % 11) / 10 * (static_cast<double>(most) + 0.6);
  d[0] = static_cast<double>(most);
  if (channels > 1) d[1] = 0;
  if (channels > 2) d[2] = static_cast<double>(most / 2);
  return delays.to(dtype);
}

/// All that goes in and what flows back, f64, [T, columns] and [most, columns].
struct Reference {
  std::int64_t steps, columns, channels, most;
  bool rounded;
  std::vector<double> x, state, delays, grad;
  std::vector<double> y, grad_x, grad_state, grad_delays;

  double& place(std::vector<double>& sequence, std::vector<double>& before, std::int64_t t,
                std::int64_t i) const {
    return t >= 0 ? sequence[static_cast<std::size_t>(t * columns + i)]
                  : before[static_cast<std::size_t>((most + t) * columns + i)];
  }

  void run() {
    y.assign(x.size(), 0);
    grad_x = y;
    grad_state.assign(state.size(), 0);
    grad_delays.assign(delays.size(), 0);
    for (std::int64_t t = 0; t < steps; ++t)
      for (std::int64_t i = 0; i < columns; ++i) {
        const auto c = static_cast<std::size_t>(i % channels);
        const auto at = static_cast<std::size_t>(t * columns + i);
        const double d = std::min(std::max(delays[c], 0.0), static_cast<double>(most));
        const auto n = std::min(static_cast<std::int64_t>(d), most - 1);
        const double f = d - static_cast<double>(n), far = rounded ? (f >= 0.5 ? 1 : 0) : f;
        const double now = place(x, state, t - n, i), before = place(x, state, t - n - 1, i);
        y[at] = (1 - far) * now + far * before;
        place(grad_x, grad_state, t - n, i) += (1 - far) * grad[at];
        place(grad_x, grad_state, t - n - 1, i) += far * grad[at];
        grad_delays[c] += grad[at] * (before - now);
      }
  }
};

void check_close(const Tensor& got, const std::vector<double>& wanted, double tolerance) {
  const std::vector<double> values = to_vector(got);
  REQUIRE(values.size() == wanted.size());
  double worst = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    worst = std::max(worst, std::abs(values[i] - wanted[i]) / (1 + std::abs(wanted[i])));
  CHECK(worst <= tolerance);
}

struct Case {
  Shape x;
  std::int64_t most;
};
const std::vector<Case> cases{{{1, 1}, 1},       {{7, 3, 5}, 4},         {{3, 2, 6}, 9},
                              {{40, 2, 200}, 3}, {{70, 5, 3, 3, 2}, 12}, {{100, 4, 33}, 40}};

}  // namespace

TEST_CASE("delays and their gradients are those of a loop over the definition") {
  for (const DType dtype : {DType::f32, DType::f64})
    for (const auto& [shape, most] : cases)
      for (const bool rounded : {false, true})
        for (const bool at_rest : {false, true}) {
          INFO(name(dtype) << " " << to_string(shape) << " up to " << most << ", rounded "
                           << rounded << ", at rest " << at_rest);
          const std::int64_t channels = shape[-1];
          const Tensor x = leaf(random_values(shape, 1, dtype));
          const Tensor delays = leaf(spread_delays(channels, most, dtype));
          const Tensor before = random_values(shape.with(0, most), 2, dtype);
          const Tensor state = at_rest ? Tensor() : leaf(before);
          const Tensor grad = random_values(shape, 3, dtype);
          Reference wanted{shape[0],
                           shape.numel() / shape[0],
                           channels,
                           most,
                           rounded,
                           to_vector(x),
                           to_vector(at_rest ? zeros_like(before) : before),
                           to_vector(delays),
                           to_vector(grad),
                           {},
                           {},
                           {},
                           {}};
          wanted.run();
          const DelayResult got = delay(x, delays, state, {.max_delay = most, .rounded = rounded});
          CHECK_FALSE(got.state.defined());
          got.output.backward(grad);
          const double rounding = dtype == DType::f32 ? 1e-6 : 1e-14;
          check_close(got.output, wanted.y, rounding);
          check_close(x.grad(), wanted.grad_x, rounding);
          check_close(delays.grad(), wanted.grad_delays, 30 * rounding);
          if (!at_rest) check_close(state.grad(), wanted.grad_state, rounding);
        }
}

TEST_CASE("a spike is delayed by its channel's steps and shared by two of them") {
  Tensor x = zeros({6, 1, 4});
  for (std::int64_t c = 0; c < 4; ++c) x.mutable_data<float>()[4 + c] = 1;  // all at step 1
  const Tensor delays = delays_of({0, 2, 2.25f, 9});
  const auto column = [](const Tensor& y, std::int64_t c) {
    std::vector<double> values;
    for (std::int64_t t = 0; t < 6; ++t) values.push_back(y.data<float>()[4 * t + c]);
    return values;
  };
  using Values = std::vector<double>;
  const Tensor y = delay(x, delays, {}, {.max_delay = 4}).output;
  CHECK(column(y, 0) == Values{0, 1, 0, 0, 0, 0});
  CHECK(column(y, 1) == Values{0, 0, 0, 1, 0, 0});
  CHECK(column(y, 2) == Values{0, 0, 0, 0.75, 0.25, 0});
  CHECK(column(y, 3) == Values{0, 0, 0, 0, 0, 1});  // limited to 4
  const Tensor spikes = delay(x, delays, {}, {.max_delay = 4, .rounded = true}).output;
  CHECK(column(spikes, 2) == Values{0, 0, 0, 1, 0, 0});
}

TEST_CASE("a gradient of delays does not depend on which others are wanted") {
  constexpr std::int64_t steps = 7, most = 3;
  const Shape shape{steps, 2, 9};
  const std::array<Tensor, 3> values{random_values(shape, 1), spread_delays(9, most, DType::f32),
                                     random_values({most, 2, 9}, 2)};
  const auto gradients = [&](unsigned wanted) {
    std::array<Tensor, 3> inputs;
    for (std::size_t i = 0; i < 3; ++i)
      inputs[i] = clone(values[i]).set_requires_grad((wanted >> i & 1) != 0);
    delay(inputs[0], inputs[1], inputs[2], {.max_delay = most})
        .output.backward(random_values(shape, 3));
    return std::array<Tensor, 3>{inputs[0].grad(), inputs[1].grad(), inputs[2].grad()};
  };
  const auto all = gradients(0b111);
  for (unsigned wanted = 1; wanted < 0b111; ++wanted) {
    const auto some = gradients(wanted);
    for (std::size_t i = 0; i < 3; ++i) {
      INFO("gradient " << i << " of those in the mask " << wanted);
      CHECK(some[i].defined() == ((wanted >> i & 1) != 0));
      if (some[i].defined()) CHECK(same_bits(some[i], all[i]));
    }
  }
}

TEST_CASE("delays pass the gradient check between whole ones") {
  const Tensor x = random_values({7, 2, 5}, 1, DType::f64);
  const Tensor state = random_values({4, 2, 5}, 2, DType::f64);
  const Tensor delays = delays_of({0.3f, 1.5f, 2.8f, 3.9f, 0.01f}, DType::f64);
  const auto output = [](const std::vector<Tensor>& in) {
    return delay(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), {.max_delay = 4}).output;
  };
  CHECK(test::gradient_mismatch(output, {x, delays, state}) == "");
  CHECK(test::gradient_mismatch(output, {x, delays}) == "");
  for (const std::int64_t steps : {2, 7}) {  // the state after, of few and of many steps
    const auto after = [](const std::vector<Tensor>& in) {
      return delay(in[0], in[1], in[2], {.max_delay = 4, .final_state = true}).state;
    };
    CHECK(test::gradient_mismatch(after, {slice(x, 0, 0, steps), delays, state}) == "");
  }
}

TEST_CASE("a delay at or beyond a limit has the gradient of the limit, from within") {
  const auto gradient = [&](float steps) {
    const Tensor delays = leaf(delays_of({steps}));
    Tensor grad = zeros({5, 1});
    grad.mutable_data<float>()[4] = 1;
    const Tensor x = from_vector(std::vector<float>{1, 2, 4, 8, 16}, {5, 1});
    delay(x, delays, {}, {.max_delay = 3}).output.backward(grad);
    return delays.grad().item();
  };
  CHECK(gradient(0) == 8 - 16);
  CHECK(gradient(-5) == 8 - 16);
  CHECK(gradient(1) == 4 - 8);  // to the right
  CHECK(gradient(3) == 2 - 4);  // to the left
  CHECK(gradient(50) == 2 - 4);
}

TEST_CASE("delayed time may be cut anywhere without changing a bit of what is no sum over time") {
  constexpr std::int64_t steps = 13, most = 5;
  const Shape shape{steps, 2, 9};
  const Tensor weight = random_values(shape, 3), state_weight = random_values({most, 2, 9}, 4);
  struct Outcome {
    Tensor output, after, grad_x, grad_state, grad_delays;
  };
  for (const bool rounded : {false, true})
    for (const bool at_rest : {false, true}) {
      const auto run = [&](const std::vector<std::int64_t>& cuts) {
        const Tensor x = leaf(random_values(shape, 1));
        const Tensor delays = leaf(spread_delays(9, most, DType::f32));
        const Tensor first = at_rest ? Tensor() : leaf(random_values({most, 2, 9}, 2));
        Tensor state = first;
        std::vector<Tensor> parts;
        std::int64_t begin = 0;
        for (const std::int64_t end : cuts) {
          const DelayResult part =
              delay(slice(x, 0, begin, end), delays, state,
                    {.max_delay = most, .rounded = rounded, .final_state = true});
          parts.push_back(part.output);
          state = part.state;
          begin = end;
        }
        const Tensor output = concat(parts);
        test::weighted_sum({{output, weight}, {state, state_weight}}).backward();
        return Outcome{output.detach(), state.detach(), x.grad(), at_rest ? Tensor() : first.grad(),
                       delays.grad()};
      };
      const Outcome whole = run({steps});
      std::vector<std::vector<std::int64_t>> all_cuts{
          {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}, {2, 4, 5, 13}, {6, 9, 12, 13}};
      for (std::int64_t cut = 1; cut < steps; ++cut) all_cuts.push_back({cut, steps});
      for (const auto& cuts : all_cuts) {
        INFO("cut after " << cuts.front() << " in " << cuts.size() << ", rounded " << rounded
                          << ", at rest " << at_rest);
        const Outcome cut = run(cuts);
        CHECK(same_bits(cut.output, whole.output));
        CHECK(same_bits(cut.after, whole.after));
        CHECK(same_bits(cut.grad_x, whole.grad_x));
        if (!at_rest) CHECK(same_bits(cut.grad_state, whole.grad_state));
        CHECK(test::largest_difference(cut.grad_delays, whole.grad_delays) < 1e-6);
      }
    }
}

TEST_CASE("delays have the same bits for any number of threads") {
  const Shape shape{60, 7, 100};
  const auto run = [&](int count) {
    const test::Threads threads(count);
    const Tensor x = leaf(random_values(shape, 1));
    const Tensor delays = leaf(spread_delays(100, 20, DType::f32));
    const Tensor y = delay(x, delays, {}, {.max_delay = 20}).output;
    y.backward(random_values(shape, 2));
    return std::vector<Tensor>{y.detach(), x.grad(), delays.grad()};
  };
  const auto one = run(1), three = run(3);
  for (std::size_t i = 0; i < one.size(); ++i) CHECK(same_bits(one[i], three[i]));
}

TEST_CASE("the rows of delays have the same bits on every instruction set") {
  namespace kernel = delay_detail;
  const auto compare = [&]<class R>(R) {
    for (const std::int32_t width : {1, 7, 16, 33, 128}) {
      const DType dtype = dtype_of<R>;
      const Tensor window = random_values({3, width}, 1, dtype),
                   g = random_values({width}, 2, dtype);
      const Tensor weights = random_values({2, width}, 3, dtype);
      std::vector<std::int32_t> at;
      for (std::int32_t i = 0; i < width; ++i) at.push_back(i - i % 2 * width);
      const auto run = [&](const kernel::Kernels<R>& kernels) {
        Tensor y = random_values({width}, 4, dtype), last = random_values({width}, 5, dtype);
        Tensor sums = zeros({width}, {.dtype = DType::f64});
        const kernel::Columns<R> columns{width, at.data(), weights.data<R>(),
                                         weights.data<R>() + width, last.mutable_data<R>()};
        const R* const row = window.data<R>() + width;
        kernels.add_shifted(columns, row, y.mutable_data<R>());
        kernels.add_slopes(columns, row + width, g.data<R>(), sums.mutable_data<double>());
        return std::pair{y, sums};
      };
      const auto expected = run(kernel::isa_v2::kernels<R>());
      const auto check = [&](const kernel::Kernels<R>& kernels) {
        const auto [y, sums] = run(kernels);
        CHECK(same_bits(y, expected.first));
        CHECK(same_bits(sums, expected.second));
      };
      if (isa_level() >= IsaLevel::v3) check(kernel::isa_v3::kernels<R>());
      if (isa_level() >= IsaLevel::v4) check(kernel::isa_v4::kernels<R>());
    }
  };
  compare(float());
  compare(double());
}

TEST_CASE("parts of delayed time hold every step, and none is empty") {
  using delay_detail::TimeParts;
  for (const std::int64_t columns : {0, 1, 4, 1000, 1 << 20})
    for (std::int64_t steps = 1; steps < 1500; ++steps) {
      const auto [length, number] = TimeParts::of(steps, columns);
      CAPTURE(columns, steps, length, number);
      REQUIRE(number * length >= steps);
      REQUIRE((number - 1) * length < steps);
    }
  CHECK(TimeParts::of(0, 4).number == 0);
  CHECK(TimeParts::of(1600, 4).number == 100);
  CHECK(TimeParts::of(1600, 1 << 20).number == 1);
}

TEST_CASE("the state of delays keeps no view of what made it, and no more than it needs") {
  const Tensor x = random_values({50, 2, 3}, 1);
  const Tensor state =
      delay(x, delays_of({1, 2, 3}), {}, {.max_delay = 4, .final_state = true}).state;
  CHECK(same_bits(state, slice(x, 0, 46, 50)));
  CHECK(state.storage() != x.storage());
}

TEST_CASE("who writes the delays between forward and backward does not disturb") {
  const Tensor x = leaf(random_values({5, 2}, 1));
  Tensor delays = leaf(delays_of({1, 2}));
  const Tensor y = delay(x, delays, {}, {.max_delay = 3}).output;
  fill(delays, 0);
  y.backward(full({5, 2}, 1));
  CHECK(to_vector(x.grad()) == std::vector<double>{1, 1, 1, 1, 1, 1, 1, 0, 0, 0});
}

TEST_CASE("a delay that is not a number shows in all it delays") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const bool rounded : {false, true}) {
    const Tensor y =
        delay(full({3, 2}, 1), delays_of({nan, 0}), {}, {.max_delay = 2, .rounded = rounded})
            .output;
    for (std::int64_t t = 0; t < 3; ++t) {
      CHECK(std::isnan(y.data<float>()[2 * t]));
      CHECK(y.data<float>()[2 * t + 1] == 1);
    }
  }
}

TEST_CASE("16-bit floats are delayed as f32") {
  const Tensor x = random_values({6, 3}, 1).to(DType::bf16);
  const Tensor delays = delays_of({0.5f, 1, 2});
  const Tensor y = delay(x, delays, {}, {.max_delay = 2}).output;
  CHECK(y.dtype() == DType::f32);
  CHECK(same_bits(y, delay(x.to(DType::f32), delays, {}, {.max_delay = 2}).output));
}

TEST_CASE("nothing to delay is no error, and the state passes") {
  const Tensor state = random_values({2, 4, 3}, 1);
  const DelayResult none =
      delay(zeros({0, 4, 3}), delays_of({0, 1, 2}), state, {.max_delay = 2, .final_state = true});
  CHECK(none.output.shape() == Shape{0, 4, 3});
  CHECK(same_bits(none.state, state));
  for (const Shape& shape : {Shape{5, 0, 3}, Shape{5, 2, 0}}) {
    const Tensor delays = leaf(full({shape[2]}, 1));
    delay(zeros(shape), delays, {}, {.max_delay = 2}).output.backward(zeros(shape));
    CHECK(same_bits(delays.grad(), zeros({shape[2]})));
  }
}

TEST_CASE("delays say what is wrong with what they are given") {
  const Tensor x = zeros({5, 2, 3}), d = delays_of({0, 1, 2});
  CHECK_ERROR(delay(x, d, {}, {.max_delay = 0}), invalid,
              "[delay] max_delay must be in [1, 65536] steps; got 0.");
  CHECK_ERROR(delay(x, d, {}, {.max_delay = -3}), invalid, "got -3.");
  CHECK_ERROR(delay(x, d, {}, {.max_delay = (1 << 16) + 1}), invalid, "got 65537.");
  CHECK_ERROR(delay(zeros({3}), d, {}, {.max_delay = 2}), invalid,
              "[delay] x must be [T, ..., C]; its shape is (3,).");
  CHECK_ERROR(delay(empty({5, 2, 3}, {.dtype = DType::bits}), d, {}, {.max_delay = 2}), invalid,
              "[delay] x must be f32 or f64; got bits.");
  CHECK_ERROR(
      delay(x, delays_of({1, 2}), {}, {.max_delay = 2}), invalid,
      "[delay] delays, one for each channel, must be f32 (3,) for x (5, 2, 3); got f32 (2,).");
  CHECK_ERROR(delay(x, d.to(DType::f64), {}, {.max_delay = 2}), invalid, "got f64 (3,).");
  CHECK_ERROR(delay(x, d, zeros({5, 2, 3}), {.max_delay = 2}), invalid,
              "[delay] the state, the last inputs, must be f32 (2, 2, 3) for x (5, 2, 3); got f32 "
              "(5, 2, 3).");
}

}  // namespace ranvier
