#include "ranvier/data/transforms/jitter.h"

#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/events.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;

/// Mean of a * b over all events.
template <class A, class B>
double mean_product(const std::vector<A>& a, double a0, const std::vector<B>& b, double b0) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += (static_cast<double>(a[i]) - a0) * (static_cast<double>(b[i]) - b0);
  return sum / static_cast<double>(a.size());
}

Events many_at(std::int64_t t, std::int16_t x, std::int16_t y) {
  Events events;
  for (int i = 0; i < 20000; ++i) events.push_back(t, x, y, 1);
  return events;
}

}  // namespace

TEST_CASE("TimeJitter is normal, unbiased and sorted") {
  const Events events = transformed(TimeJitter{.std = 100}, many_at(5000, 0, 0), {});
  CHECK(events.size() == 20000);
  CHECK(in_time_order(events));
  const std::vector<double> ones(20000, 1.0);
  CHECK(std::abs(mean_product(events.t, 5000, ones, 0)) < 3);
  CHECK(std::sqrt(mean_product(events.t, 5000, events.t, 5000)) == Approx(100).epsilon(0.02));
}

TEST_CASE("TimeJitter takes an event's place along with its time") {
  Events events;
  for (std::int16_t i = 0; i < 1000; ++i) events.push_back(10 * i, i, 0, 1);
  const Events after = transformed(TimeJitter{.std = 20, .clip_negative = false}, events, {1000});
  CHECK(after.x != events.x);
  bool near = true;
  for (std::size_t i = 0; i < 1000; ++i)
    near = near && std::abs(after.t[i] - 10 * after.x[i]) < 120;
  CHECK(near);
}

TEST_CASE("TimeJitter drops events before 0 if asked") {
  const Events clipped = transformed(TimeJitter{.std = 100}, many_at(0, 0, 0), {});
  CHECK(std::abs(clipped.size() - 10000) < 350);
  CHECK(clipped.t.front() >= 0);
  const Events all =
      transformed(TimeJitter{.std = 100, .clip_negative = false}, many_at(0, 0, 0), {});
  CHECK(all.size() == 20000);
  CHECK(all.t.front() < 0);
  CHECK(transformed(TimeJitter{.std = 0}, events_at({3, 4}), {}) == events_at({3, 4}));
}

TEST_CASE("SpatialJitter has the covariance it is given, without a bias") {
  const Sensor sensor{100, 100, 1};
  const Events events =
      transformed(SpatialJitter{.var_x = 9, .var_y = 4, .sigma_xy = 3}, many_at(0, 50, 40), sensor);
  const std::vector<double> ones(20000, 1.0);
  // Rounding to whole pixels adds a variance of 1/12.
  CHECK(std::abs(mean_product(events.x, 50, ones, 0)) < 0.09);
  CHECK(std::abs(mean_product(events.y, 40, ones, 0)) < 0.06);
  CHECK(mean_product(events.x, 50, events.x, 50) == Approx(9 + 1.0 / 12).epsilon(0.05));
  CHECK(mean_product(events.y, 40, events.y, 40) == Approx(4 + 1.0 / 12).epsilon(0.05));
  CHECK(mean_product(events.x, 50, events.y, 40) == Approx(3).epsilon(0.06));
}

TEST_CASE("events that leave the sensor are dropped or stay at its edge") {
  const Sensor sensor{100, 100, 1};
  const Events dropped =
      transformed(SpatialJitter{.var_x = 1, .var_y = 0}, many_at(0, 0, 7), sensor);
  // P(shift rounds below 0) = P(normal < -1/2) = 0.3085
  CHECK(std::abs(static_cast<double>(dropped.size()) - 20000 * (1 - 0.3085)) < 270);
  CHECK(dropped.y == std::vector<std::int16_t>(dropped.y.size(), 7));
  const Events clamped = transformed(
      SpatialJitter{.var_x = 1, .var_y = 0, .outliers = Outliers::clamp}, many_at(0, 0, 7), sensor);
  CHECK(clamped.size() == 20000);
}

TEST_CASE("channels move along x alone") {
  const Events events =
      transformed(SpatialJitter{.var_x = 4, .var_y = 4}, many_at(0, 350, 0), {700});
  CHECK(events.size() == 20000);
}

TEST_CASE("jitters that make no sense are refused") {
  CHECK_ERROR(TimeJitter{.std = -1}.sensor_after({}), invalid,
              "[time_jitter] std must be >= 0; got -1.");
  CHECK_ERROR(TimeJitter{.std = NAN}.sensor_after({}), invalid, "got nan.");
  CHECK_ERROR(SpatialJitter{.var_x = -1}.sensor_after({}), invalid,
              "[spatial_jitter] var_x and var_y must be >= 0; got -1 and 1.");
  CHECK_ERROR(SpatialJitter{.sigma_xy = 2}.sensor_after({}), invalid,
              "[spatial_jitter] the square of sigma_xy must be at most var_x * var_y = 1; got 2.");
}

}  // namespace ranvier::test
