// The scalar arithmetic under the neurons, and the surrogates' formulas.
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

#include "ranvier/ops/neurons/detail/slopes.h"
#include "ranvier/ops/neurons/neuron.h"
#include "ranvier/ops/neurons/surrogates.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/neuron_checks.h"

namespace ranvier {
namespace {

using neurons::mul_add;
using test::Approx;

float from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }
bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

TEST_CASE("mul_add is the correctly rounded fma, whatever the processor") {
  int differing = 0;
  for (std::uint64_t i = 0; i < 400000; ++i) {
    const PhiloxWords w = philox(7, i);
    // Arbitrary bits, and products that nearly cancel c or end on a rounding tie.
    const float a = from_bits(w.word[0]), b = from_bits(w.word[1]), c = from_bits(w.word[2]);
    const float near_a = from_bits(0x3f800000u | (w.word[0] & 0xfffu)),
                near_b = from_bits(0x3f800000u | (w.word[1] & 0xfff000u)),
                near_c = std::ldexp(from_bits(0x3f800000u | (w.word[2] & 0x7fffffu)),
                                    static_cast<int>(w.word[3] % 100) - 50);
    differing += !same(mul_add(a, b, c), std::fmaf(a, b, c));
    differing += !same(mul_add(near_a, near_b, near_c), std::fmaf(near_a, near_b, near_c));
    differing += !same(mul_add(near_a, near_b, -near_a * near_b),
                       std::fmaf(near_a, near_b, -near_a * near_b));
  }
  CHECK(differing == 0);
}

TEST_CASE("mul_add rounds once where double arithmetic would round twice") {
  // 1 + 2^-24 + 2^-60 lies just above the tie between 1 and its successor.
  CHECK(mul_add(0x1p-30f, 0x1p-30f, 1.0f) == 1.0f);
  const float tie = mul_add(1.0f + 0x1p-12f, 1.0f + 0x1p-12f, 0x1p-54f);
  CHECK(tie == std::fmaf(1.0f + 0x1p-12f, 1.0f + 0x1p-12f, 0x1p-54f));
  CHECK(tie == 1.0f + 0x1p-11f + 0x1p-23f);
}

TEST_CASE("mul_add keeps infinities and signs") {
  const float inf = std::numeric_limits<float>::infinity();
  CHECK(mul_add(inf, 2.0f, 1.0f) == inf);
  CHECK(mul_add(3e38f, 3e38f, -1.0f) == inf);
  CHECK(std::isnan(mul_add(inf, 0.0f, 1.0f)));
  CHECK(std::isnan(mul_add(inf, 1.0f, -inf)));
  CHECK(mul_add(-1.0f, 0x1p-149f, 0.0f) == -0x1p-149f);
}

TEST_CASE("the exponential is within two units in the last place and clamped at its ends") {
  double worst32 = 0, worst64 = 0;
  for (int i = -8000; i <= 8000; ++i) {
    const float x = static_cast<float>(i) * 0.0108f;
    const double exact = std::exp(static_cast<double>(x));
    const double ulp =
        std::nextafter(static_cast<float>(exact), HUGE_VALF) - static_cast<float>(exact);
    worst32 = std::max(worst32, std::abs(neurons::exponential(x) - exact) / ulp);
    const double y = i * 0.0885;
    const long double exact64 = std::exp(static_cast<long double>(y));
    const double ulp64 =
        std::nextafter(static_cast<double>(exact64), HUGE_VAL) - static_cast<double>(exact64);
    worst64 =
        std::max(worst64, static_cast<double>(std::abs(neurons::exponential(y) - exact64) / ulp64));
  }
  CHECK(worst32 < 2.0);
  CHECK(worst64 < 2.0);
  CHECK(neurons::exponential(-1000.0f) == Approx(std::exp(-87.0f)));
  CHECK(neurons::exponential(-HUGE_VAL) == Approx(std::exp(-708.0)));
  CHECK(std::isfinite(neurons::exponential(1000.0f)));
  CHECK(neurons::exponential(0.0f) == 1.0f);
}

template <class S>
double slope(const S& surrogate, double x) {
  const double in_f64 = surrogate.template slope_functor<double>()(x);
  const float in_f32 = surrogate.template slope_functor<float>()(static_cast<float>(x));
  CHECK(in_f32 == Approx(in_f64).epsilon(1e-4).margin(1e-6));
  return in_f64;
}

TEST_CASE("the surrogates are SpikingJelly's and snnTorch's formulas") {
  const double pi = std::numbers::pi;
  for (const double x : {-2.0, -0.7, -0.26, -0.1, 0.0, 0.013, 0.24, 0.6, 1.1, 9.0}) {
    CAPTURE(x);
    const double s = 1 / (1 + std::exp(-4 * x));
    CHECK(slope(surrogate::ATan{}, x) == Approx(1 / (1 + pi * x * pi * x)));
    CHECK(slope(surrogate::ATan{.alpha = 3}, x) == Approx(1.5 / (1 + std::pow(1.5 * pi * x, 2))));
    CHECK(slope(surrogate::Sigmoid{}, x) == Approx(4 * s * (1 - s)).margin(1e-14));
    CHECK(slope(surrogate::FastSigmoid{}, x) == Approx(1 / std::pow(1 + 25 * std::abs(x), 2)));
    CHECK(slope(surrogate::PiecewiseQuadratic{}, x) == Approx(std::max(0.0, 1 - std::abs(x))));
    CHECK(slope(surrogate::PiecewiseQuadratic{.alpha = 2}, x) ==
          Approx(std::max(0.0, 2 - 4 * std::abs(x))));
    CHECK(slope(surrogate::Erf{}, x) == Approx(2 / std::sqrt(pi) * std::exp(-4 * x * x)));
    CHECK(slope(surrogate::Rectangle{.alpha = 2}, x) == (std::abs(x) < 0.25 ? 2 : 0));
    CHECK(slope(surrogate::SingleExponential{}, x) == Approx(2 * std::exp(-2 * std::abs(x))));
    CHECK(slope(surrogate::StraightThrough{}, x) == 1);
  }
}

template <class R, class S>
int differing_slopes(const S& surrogate) {
  auto program = neurons::make_program<R, neurons::If>({}, surrogate, {});
  program.surrogate = AllSurrogates::index_of<S>;
  const neurons::AnySlope<R> any(program);
  const auto own = surrogate.template slope_functor<R>();
  int differing = 0;
  for (R x = R(-2.7); x < R(3); x += R(0.0137)) differing += any(x) != own(x);
  return differing;
}

TEST_CASE("a slope that is told apart as it runs has the bits of its surrogate") {
  AllSurrogates::for_each([]<class S>(int) {
    CAPTURE(S::name);
    CHECK(differing_slopes<float>(S{}) == 0);
    CHECK(differing_slopes<double>(S{}) == 0);
  });
}

TEST_CASE("surrogates are finite far from the threshold") {
  AllSurrogates::for_each([]<class S>(int) {
    CAPTURE(S::name);
    for (const float x : {-1e4f, -100.0f, 100.0f, 1e4f}) {
      const float value = S{}.template slope_functor<float>()(x);
      CHECK(std::isfinite(value));
      CHECK(value >= 0);
    }
  });
}

TEST_CASE("a surrogate's option must be finite and positive") {
  CHECK_ERROR(surrogate::ATan{.alpha = 0}.slope_functor<float>(), ErrorCode::invalid_argument,
              "[atan] alpha must be finite and > 0; got 0.");
  CHECK_ERROR(surrogate::FastSigmoid{.slope = -1}.slope_functor<float>(),
              ErrorCode::invalid_argument, "[fast_sigmoid] slope must be finite and > 0; got -1.");
  CHECK_ERROR(surrogate::Rectangle{.alpha = NAN}.slope_functor<double>(),
              ErrorCode::invalid_argument, "[rectangle] alpha must be finite and > 0; got nan.");
}

}  // namespace
}  // namespace ranvier
