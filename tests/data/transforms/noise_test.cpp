#include "ranvier/data/transforms/noise.h"

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/events.h"

namespace ranvier::test {
namespace {

const Sensor sensor{5, 4, 2};

}  // namespace

TEST_CASE("UniformNoise adds events everywhere between the first and the last") {
  Events events;
  events.push_back(1000, 2, 2, 1);
  events.push_back(1009, 2, 2, 1);
  const Events noisy = transformed(UniformNoise{.n = 20000}, events, sensor);
  CHECK(noisy.size() == 20002);
  CHECK(in_time_order(noisy));
  std::vector<int> times(10, 0), xs(5, 0), ys(4, 0), ps(2, 0);
  for (std::size_t i = 0; i < noisy.t.size(); ++i) {
    ++times.at(static_cast<std::size_t>(noisy.t[i] - 1000));
    ++xs.at(static_cast<std::size_t>(noisy.x[i]));
    ++ys.at(static_cast<std::size_t>(noisy.y[i]));
    ++ps.at(noisy.p[i]);
  }
  for (const int count : times) CHECK(std::abs(count - 2000) < 200);
  for (const int count : xs) CHECK(std::abs(count - 4000) < 250);
  for (const int count : ys) CHECK(std::abs(count - 5000) < 270);
  for (const int count : ps) CHECK(std::abs(count - 10000) < 300);
  // The recording's own events are still there.
  CHECK(noisy.x.front() == 2);
  CHECK(noisy.t.front() == 1000);
}

TEST_CASE("UniformNoise of a range adds a number from it, and nothing to nothing") {
  for (std::int64_t sample = 0; sample < 50; ++sample) {
    const std::int64_t size =
        transformed(UniformNoise{.n = {5, 8}}, events_at({1}), sensor, {}, sample).size();
    CHECK((size >= 6 && size <= 8));
  }
  CHECK(transformed(UniformNoise{.n = 100}, {}, sensor).empty());
}

TEST_CASE("noise that makes no sense is refused") {
  CHECK_ERROR(UniformNoise{.n = -1}.sensor_after(sensor), ErrorCode::invalid_argument,
              "[uniform_noise] n must be a number in [0, 1073741824]");
}

}  // namespace ranvier::test
