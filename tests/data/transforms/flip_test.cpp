#include "ranvier/data/transforms/flip.h"

#include <algorithm>

#include "ranvier/data/transforms/polarity.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/events.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;
const Sensor sensor{5, 4, 2};

Events three() {
  Events events;
  events.push_back(0, 0, 0, 0);
  events.push_back(1, 4, 1, 1);
  events.push_back(2, 2, 3, 0);
  return events;
}

/// How many of 1000 samples differ from the events themselves.
std::int64_t changed(const EventTransform& transform) {
  std::int64_t count = 0;
  for (std::int64_t sample = 0; sample < 1000; ++sample)
    count += transformed(transform, three(), sensor, {}, sample) != three() ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("flips mirror positions inside the sensor") {
  CHECK(transformed(RandomFlipLR{.p = 1}, three(), sensor).x == std::vector<std::int16_t>{4, 0, 2});
  CHECK(transformed(RandomFlipLR{.p = 1}, three(), sensor).y == three().y);
  CHECK(transformed(RandomFlipUD{.p = 1}, three(), sensor).y == std::vector<std::int16_t>{3, 2, 0});
  CHECK(transformed(RandomFlipUD{.p = 1}, three(), sensor).x == three().x);
}

TEST_CASE("recordings are flipped as often as asked") {
  for (const EventTransform& flip :
       {EventTransform(RandomFlipLR{.p = 0.3}), EventTransform(RandomFlipUD{.p = 0.3}),
        EventTransform(RandomFlipPolarity{.p = 0.3, .all_together = true})}) {
    INFO(flip.describe());
    CHECK(changed(flip) > 240);  // four deviations
    CHECK(changed(flip) < 360);
  }
  CHECK(changed(RandomFlipLR{.p = 0}) == 0);
}

TEST_CASE("polarities flip one by one, or together") {
  CHECK(transformed(RandomFlipPolarity{.p = 1}, three(), sensor).p ==
        std::vector<std::uint8_t>{1, 0, 1});
  const Events many = random_events(sensor, 10000, 1);
  Events flipped = transformed(RandomFlipPolarity{.p = 0.2}, many, sensor);
  std::int64_t differences = 0;
  for (std::size_t i = 0; i < many.p.size(); ++i) differences += many.p[i] != flipped.p[i] ? 1 : 0;
  CHECK(std::abs(differences - 2000) < 160);
  flipped.p = many.p;
  CHECK(flipped == many);

  for (std::int64_t sample = 0; sample < 20; ++sample) {
    const Events together =
        transformed(RandomFlipPolarity{.all_together = true}, three(), sensor, {}, sample);
    CHECK((together.p == three().p || together.p == std::vector<std::uint8_t>{1, 0, 1}));
  }
}

TEST_CASE("merged polarities are the only one of their sensor") {
  CHECK(MergePolarities{}.sensor_after(sensor) == Sensor{5, 4, 1});
  CHECK(transformed(MergePolarities{}, three(), sensor).p == std::vector<std::uint8_t>{1, 1, 1});
}

TEST_CASE("probabilities outside [0, 1] are refused, and polarities that are not there") {
  CHECK_ERROR(RandomFlipLR{.p = 1.5}.sensor_after(sensor), invalid,
              "[random_flip_lr] p must be in [0, 1]; got 1.5.");
  CHECK_ERROR(RandomFlipUD{.p = -1}.sensor_after(sensor), invalid,
              "[random_flip_ud] p must be in [0, 1]; got -1.");
  CHECK_ERROR(RandomFlipPolarity{.p = 2}.sensor_after(sensor), invalid,
              "[random_flip_polarity] p must be in [0, 1]; got 2.");
  CHECK_ERROR(RandomFlipPolarity{}.sensor_after({.width = 700}), invalid,
              "[random_flip_polarity] needs a sensor with two polarities; got one of 700.");
}

}  // namespace ranvier::test
