// Readouts and rates over padded sequences.
#include <cmath>
#include <limits>

#include "ranvier/core/tape.h"
#include "ranvier/ops/sequence/lengths.h"
#include "ranvier/ops/sequence/readout.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/ops/spikes/spikes.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/gradcheck.h"
#include "tests/support/threads.h"
#include "tests/support/values.h"

namespace ranvier {
namespace {

using Values = std::vector<double>;

constexpr Readout all_readouts[] = {Readout::sum, Readout::mean, Readout::last, Readout::max};
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Tensor lengths_of(const std::vector<std::int64_t>& lengths) {
  return from_vector(lengths, {static_cast<std::int64_t>(lengths.size())});
}

/// Two samples of two features: the first has 3 steps of its own, the second 1.
Tensor example() {
  return from_vector(Values{1, 5, 7, 8,     //
                            4, 2, 90, 91,   //
                            3, 5, nan, 92,  //
                            93, nan, 94, 95},
                     {4, 2, 2});
}

TEST_CASE("a readout takes a sample's own steps only") {
  const Tensor lengths = lengths_of({3, 1});
  CHECK(to_vector(read_out(Readout::sum, example(), lengths)) == Values{8, 12, 7, 8});
  CHECK(to_vector(read_out(Readout::mean, example(), lengths)) == Values{8.0 / 3, 4, 7, 8});
  CHECK(to_vector(read_out(Readout::last, example(), lengths)) == Values{3, 5, 7, 8});
  CHECK(to_vector(read_out(Readout::max, example(), lengths)) == Values{4, 5, 7, 8});
  CHECK(std::isnan(to_vector(read_out(Readout::max, example(), lengths_of({4, 1})))[1]));
}

TEST_CASE("a readout's gradient is zero at padded steps and goes where the value came from") {
  const Tensor seed = from_vector(Values{3, 6, 9, 12}, {2, 2});
  const auto gradient = [&](Readout readout) {
    Tensor x = example().set_requires_grad(true);
    read_out(readout, x, lengths_of({3, 1})).backward(seed);
    return to_vector(x.grad());
  };
  CHECK(gradient(Readout::sum) == Values{3, 6, 9, 12, 3, 6, 0, 0, 3, 6, 0, 0, 0, 0, 0, 0});
  CHECK(gradient(Readout::mean) == Values{1, 2, 9, 12, 1, 2, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0});
  CHECK(gradient(Readout::last) == Values{0, 0, 9, 12, 0, 0, 0, 0, 3, 6, 0, 0, 0, 0, 0, 0});
  CHECK(gradient(Readout::max) == Values{0, 6, 9, 12, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("readouts agree with finite differences") {
  const Tensor x = test::random_values({5, 3, 2, 2}, 7, DType::f64);
  const Tensor lengths = lengths_of({5, 1, 3});
  for (const Readout readout : all_readouts) {
    INFO(name(readout));
    CHECK(test::gradient_mismatch(
              [&](const std::vector<Tensor>& in) { return read_out(readout, in[0], lengths); },
              {x}) == "");
    CHECK(test::gradient_mismatch(
              [&](const std::vector<Tensor>& in) { return read_out(readout, in[0]); }, {x}) == "");
  }
}

TEST_CASE("padding and threads do not change a bit of a readout") {
  const Tensor x = test::random_values({300, 40, 35}, 8);
  std::vector<std::int64_t> lengths;
  for (std::int64_t b = 0; b < 40; ++b) lengths.push_back(1 + b * 37 % 250);
  for (const Readout readout : all_readouts) {
    INFO(name(readout));
    const Tensor whole = read_out(readout, x, lengths_of(lengths));
    CHECK(test::same_bits(read_out(readout, slice(x, 0, 0, 250), lengths_of(lengths)), whole));
    const test::Threads three(3);
    CHECK(test::same_bits(read_out(readout, x, lengths_of(lengths)), whole));
  }
}

TEST_CASE("lengths make a mask of steps") {
  CHECK(to_vector(step_mask(lengths_of({2, 3, 1}), 3)) == Values{1, 1, 1, 1, 1, 0, 0, 1, 0});
}

TEST_CASE("a firing rate counts a sample's own steps, packed or not") {
  const Tensor spikes = test::random_spikes({6, 3, 5, 13}, 0.3, 9);
  const Tensor lengths = lengths_of({6, 2, 3});
  const Values values = to_vector(spikes);
  double fired = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t t = i / (3 * 65), b = i / 65 % 3;
    if (t < std::array{6u, 2u, 3u}[b]) fired += values[i];
  }
  CHECK(firing_rate(spikes, lengths) == Approx(fired / (11 * 65)));
  CHECK(firing_rate(to_bits(spikes), lengths) == firing_rate(spikes, lengths));
  CHECK(firing_rate(to_bits(spikes)) == Approx(firing_rate(spikes, lengths_of({6, 6, 6}))));
}

TEST_CASE("readouts are named") {
  for (const Readout readout : all_readouts) CHECK(readout_named(name(readout)) == readout);
  CHECK_ERROR(readout_named("median"), ErrorCode::invalid_argument,
              "[readout] 'median' is none of sum, mean, last, max.");
}

TEST_CASE("readouts refuse lengths that do not fit") {
  const auto code = ErrorCode::invalid_argument;
  const Tensor x = zeros({4, 2, 3});
  CHECK_ERROR(read_out(Readout::sum, x, lengths_of({4, 5})), code,
              "[read_out] length 1 is 5; it must be in [1, 4], the number of steps.");
  CHECK_ERROR(read_out(Readout::sum, x, lengths_of({0, 4})), code, "length 0 is 0;");
  CHECK_ERROR(read_out(Readout::sum, x, lengths_of({4})), code,
              "[read_out] lengths must be i64 (2,), one for each sample; got i64 (1,).");
  CHECK_ERROR(read_out(Readout::sum, x, zeros({2})), code, "got f32 (2,)");
  CHECK_ERROR(read_out(Readout::sum, zeros({3})), code, "x must be [T, B, ...] with T >= 1");
  CHECK_ERROR(read_out(Readout::sum, to_bits(x)), code, "[read_out] needs f32 or f64; got bits.");
  CHECK_ERROR(step_mask(lengths_of({4}), 3), code, "[step_mask] length 0 is 4;");
  CHECK_ERROR(step_mask(lengths_of({4}), 0), code, "at least one step; got 0.");
  CHECK_ERROR(step_mask(zeros({2, 2}), 3), code, "[step_mask] lengths must be [B]; got (2, 2).");
  CHECK_ERROR(firing_rate(to_bits(zeros({4, 2}))), code,
              "[firing_rate] packed spikes must be [T, B, N, ...]; got (4, 2).");
  CHECK_ERROR(firing_rate(zeros({0, 2, 3})), code,
              "must be [T, B, ...] and not empty; got (0, 2, 3).");
}

}  // namespace
}  // namespace ranvier
