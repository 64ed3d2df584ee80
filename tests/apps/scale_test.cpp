#include "apps/drawing/scale.h"

#include <utility>
#include <vector>

#include "tests/support/catch.h"

namespace ranvier::apps {

TEST_CASE("a scale has round steps and holds its values") {
  CHECK(nice_scale(0, 0.97, 4).last == Approx(1));
  CHECK(nice_scale(0.83, 0.99, 4).first == Approx(0.8));
  CHECK(nice_scale(0.83, 0.99, 4).step == Approx(0.05));
  CHECK(nice_scale(0.83, 0.99, 4).ticks().size() == 5);
  CHECK(nice_scale(-3, 7, 4).ticks().front() == Approx(-5));
  for (const auto& [low, high] : std::vector<std::pair<double, double>>{
           {0, 0}, {5, 5}, {1e-30, 2e-30}, {-1e300, 1e300}, {1e9, 1e9 + 1}, {0.1, 0.1000000001}}) {
    INFO(low << " to " << high);
    const Scale scale = nice_scale(low, high, 4);
    CHECK(scale.first <= low);
    CHECK(scale.last >= high);
    CHECK(scale.first < scale.last);
    CHECK(scale.ticks().size() >= 2);
    CHECK(scale.ticks().size() <= 7);
  }
}

TEST_CASE("ticks are labelled with the digits they need") {
  CHECK(Scale{0, 1, 0.2}.label(0.6000000001) == "0.6");
  CHECK(Scale{0.8, 1, 0.05}.label(0.85) == "0.85");
  CHECK(Scale{0, 100, 20}.label(40) == "40");
  CHECK(Scale{0, 0.0004, 0.0001}.label(0.0003) == "0.0003");
  CHECK(Scale{0, 4e7, 1e7}.label(3e7) == "3e+07");
  CHECK(Scale{-1, 1, 0.5}.label(1e-17) == "0");
}

}  // namespace ranvier::apps
