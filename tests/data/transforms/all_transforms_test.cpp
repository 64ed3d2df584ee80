// What all transforms promise, whatever they do.
#include <set>

#include "ranvier/data/events/event_view.h"
#include "ranvier/data/transforms/crop.h"
#include "ranvier/data/transforms/denoise.h"
#include "ranvier/data/transforms/downsample.h"
#include "ranvier/data/transforms/drop.h"
#include "ranvier/data/transforms/flip.h"
#include "ranvier/data/transforms/jitter.h"
#include "ranvier/data/transforms/noise.h"
#include "ranvier/data/transforms/polarity.h"
#include "ranvier/data/transforms/shift.h"
#include "ranvier/data/transforms/time.h"
#include "tests/support/catch.h"
#include "tests/support/events.h"

namespace ranvier::test {
namespace {

/// All transforms with options that suit any sensor of at least 4 x 2 pixels and two polarities;
/// different options for a different `variant`.
std::vector<EventTransform> all_transforms(int variant) {
  const double part = 0.1 + 0.2 * variant;  // variants 0 to 3
  return {
      CropTime{.min = -100 * variant, .max = 40000},
      Crop{.x = variant % 2, .y = variant / 2, .width = 3, .height = 1},
      CenterCrop{.width = 3 + variant, .height = 2},
      CenterCrop{.width = 300 + variant, .height = 200},
      RandomCrop{.width = 1 + variant, .height = 1},
      RandomShift{.x = 1 + variant % 2, .y = variant / 2},
      RandomFlipLR{.p = part},
      RandomFlipUD{.p = part},
      RandomFlipPolarity{.p = part},
      RandomFlipPolarity{.p = part, .all_together = true},
      TimeJitter{.std = 1000.0 * part},
      TimeJitter{.std = 1e15 * part, .clip_negative = false},
      SpatialJitter{.var_x = 1, .var_y = 4, .sigma_xy = part},
      SpatialJitter{.var_x = 1e30, .var_y = part, .outliers = Outliers::clamp},
      DropEvent{.p = part},
      DropEvent{.p = {0, part}},
      DropEventByTime{.duration_ratio = part},
      DropEventByTime{.duration_ratio = {part, 1}},
      DropEventByArea{.area_ratio = part},
      DropEventByArea{.area_ratio = {part, 1}},
      DropPixel{.coordinates = {{0, 0}, {variant, 1}}},
      DropPixel{.hot_pixel_frequency = 100 * part},
      RandomDropPixel{.p = part},
      Denoise{.filter_time = 1000 + variant},
      RefractoryPeriod{.delta = 1000 + variant},
      RefractoryPeriod{.delta = 1000 + variant, .since_kept = true},
      Decimation{.n = 2 + variant},
      Downsample{.time_factor = part},
      Downsample{.time_factor = 1e30, .spatial_factor = part},
      Downsample{.target_width = 1 + variant, .target_height = 1},
      TimeSkew{.coefficient = part, .offset = -1000},
      TimeSkew{.coefficient = {part, 1.5}, .offset = {0, 1e15}},
      RandomTimeReversal{.p = part},
      RandomTimeReversal{.p = part, .flip_polarities = false},
      TimeAlignment{},
      QuantiseTime{.unit = 7 + variant},
      UniformNoise{.n = 10 + variant},
      UniformNoise{.n = {0, 10.0 + variant}},
      MergePolarities{},
  };
}

/// Recordings of many kinds.
std::vector<Events> recordings_of(const Sensor& sensor) {
  Events same = random_events(sensor, 50, 3, 700, 700);
  return {random_events(sensor, 400, 1),
          random_events(sensor, 30, 2, -50000, 1000),
          random_events(sensor, 40, 4, -max_time, -max_time + 100),
          random_events(sensor, 40, 5, max_time - 100, max_time),
          random_events(sensor, 1, 6),
          same,
          {}};
}

void check_inside(const Events& events, const Sensor& sensor) {
  CHECK(in_time_order(events));
  bool inside = true;
  for (std::size_t i = 0; i < events.t.size(); ++i)
    inside = inside && events.x[i] >= 0 && events.x[i] < sensor.width && events.y[i] >= 0 &&
             events.y[i] < sensor.height && events.p[i] < 2 &&
             (sensor.polarities == 2 || events.p[i] == 1) && events.t[i] >= -max_time &&
             events.t[i] <= max_time;
  CHECK(inside);
  CHECK(events.x.size() == events.t.size());
  CHECK(events.y.size() == events.t.size());
  CHECK(events.p.size() == events.t.size());
}

}  // namespace

TEST_CASE("transforms leave events in the order of time and inside the sensor") {
  for (const Sensor& sensor : {Sensor{5, 4, 2}, Sensor{34, 34, 2}, Sensor{4, 2, 2}})
    for (int variant = 0; variant < 4; ++variant)
      for (const EventTransform& transform : all_transforms(variant))
        for (const Events& events : recordings_of(sensor)) {
          INFO(transform.describe() << " of " << events.size() << " events, " << to_string(sensor));
          const Events after = transformed(transform, events, sensor, {.seed = 1}, variant);
          check_inside(after, transform.sensor_after(sensor));
          if (events.empty()) CHECK(after.empty());
        }
}

TEST_CASE("transforms of channels leave them in order and inside the sensor") {
  const Sensor sensor{.width = 700};
  for (const EventTransform& transform :
       {EventTransform(CropTime{.max = 50000}), EventTransform(Crop{.x = 3, .width = 20}),
        EventTransform(CenterCrop{.width = 20}), EventTransform(RandomCrop{.width = 20}),
        EventTransform(RandomFlipLR{.p = 1}), EventTransform(TimeJitter{.std = 3000}),
        EventTransform(SpatialJitter{.var_x = 100}), EventTransform(DropEventByArea{}),
        EventTransform(Denoise{}), EventTransform(RefractoryPeriod{}),
        EventTransform(Downsample{.spatial_factor = 1.0 / 7}),
        EventTransform(RandomTimeReversal{.p = 1}), EventTransform(UniformNoise{.n = 100})})
    for (const Events& events : recordings_of(sensor)) {
      INFO(transform.describe());
      check_inside(transformed(transform, events, sensor), transform.sensor_after(sensor));
    }
}

TEST_CASE("a transform's result is a function of seed, epoch and sample") {
  const Sensor sensor{34, 34, 2};
  const Events events = random_events(sensor, 500, 1);
  for (const EventTransform& transform : all_transforms(2)) {
    INFO(transform.describe());
    if (transform.describe() == "TimeSkew(coefficient=0.5, offset=-1000)") continue;  // two numbers
    const auto series = [&](Draw draw) {
      std::vector<Events> all;
      for (std::int64_t sample = 0; sample < 20; ++sample)
        all.push_back(transformed(transform, events, sensor, draw, sample));
      return all;
    };
    const std::vector<Events> usual = series({.seed = 1, .epoch = 2});
    CHECK(usual == series({.seed = 1, .epoch = 2}));
    const bool varies =
        usual != series({.seed = 1, .epoch = 3}) && usual != series({.seed = 2, .epoch = 2});
    CHECK(varies == transform.is_random());
    CHECK((usual.front() != usual.back() || usual[1] != usual[2] || usual[3] != usual[4]) ==
          transform.is_random());
  }
}

TEST_CASE("a transform that can be looked up does what its lookup says") {
  for (const Sensor& sensor : {Sensor{5, 4, 2}, Sensor{34, 34, 2}, Sensor{.width = 700}})
    for (const EventTransform& transform :
         {EventTransform(), EventTransform(CropTime{.min = 300, .max = 40000}),
          EventTransform(Downsample{.spatial_factor = 1.0 / 3}),
          Downsample{.target_width = 3} | CropTime{.max = 5000} |
              Downsample{.spatial_factor = 0.5} | CropTime{.min = 700}})
      for (const Events& events : recordings_of(sensor)) {
        INFO(transform.describe() << " of " << events.size() << " events, " << to_string(sensor));
        const std::optional<EventLookup> lookup = transform.lookup(sensor);
        REQUIRE(lookup.has_value());
        const EventView kept = EventView(events).between(lookup->first_time, lookup->last_time);
        Events found;
        for (std::int64_t i = 0; i < kept.size(); ++i)
          found.push_back(kept.t[i], lookup->x[static_cast<std::size_t>(kept.x[i])],
                          lookup->y[static_cast<std::size_t>(kept.y[i])], kept.p[i]);
        CHECK(found == transformed(transform, events, sensor));
      }
}

TEST_CASE("transforms that do more than a lookup can hold have none") {
  const Sensor sensor{34, 34, 2};
  std::set<std::string> with;
  for (int variant = 0; variant < 4; ++variant)
    for (const EventTransform& transform : all_transforms(variant)) {
      const std::string text = transform.describe();
      if (transform.lookup(sensor).has_value()) with.insert(text.substr(0, text.find('(')));
      CHECK_FALSE((transform | RandomFlipLR{}).lookup(sensor).has_value());
      CHECK_FALSE((TimeAlignment{} | transform).lookup(sensor).has_value());
    }
  CHECK(with == std::set<std::string>{"CropTime", "Downsample"});
  CHECK_FALSE(EventTransform(Downsample{.time_factor = 0.5}).lookup(sensor).has_value());
}

TEST_CASE("different options have different descriptions") {
  std::set<std::string> described;
  std::size_t options = 0;
  for (int variant = 0; variant < 4; ++variant)
    for (const EventTransform& transform : all_transforms(variant)) {
      described.insert(transform.describe());
      ++options;
    }
  // TimeAlignment and MergePolarities have no options.
  CHECK(described.size() == options - 2 * 3);
}

TEST_CASE("transforms are described as they are written") {
  const auto describe = [](const EventTransform& transform) { return transform.describe(); };
  CHECK(describe(CropTime{.max = 1000000}) == "CropTime(min=0, max=1000000)");
  CHECK(describe(Downsample{.spatial_factor = 0.5} | MergePolarities{}) ==
        "Downsample(time_factor=1, spatial_factor=0.5) | MergePolarities()");
  CHECK(describe(Downsample{.target_width = 10, .target_height = 20}) ==
        "Downsample(time_factor=1, spatial_factor=1, target_width=10, target_height=20)");
  CHECK(describe(DropEvent{.p = {0.1, 0.3}}) == "DropEvent(p={0.1, 0.3})");
  CHECK(describe(DropPixel{.coordinates = {{1, 2}, {3, 4}}}) ==
        "DropPixel(coordinates=[(1, 2), (3, 4)], hot_pixel_frequency=0)");
  CHECK(describe(SpatialJitter{}) == "SpatialJitter(var_x=1, var_y=1, sigma_xy=0, outliers=drop)");
}

TEST_CASE("a composed transform checks each part against the sensor it sees") {
  const Sensor sensor{34, 34, 2};
  const EventTransform prepare =
      Downsample{.spatial_factor = 0.5} | CenterCrop{.width = 8, .height = 8} | MergePolarities{};
  CHECK(prepare.sensor_after(sensor) == Sensor{8, 8, 1});
  CHECK_FALSE(prepare.is_random());
  CHECK((prepare | RandomFlipLR{}).is_random());
  const EventTransform late = MergePolarities{} | RandomFlipPolarity{};
  CHECK_THROWS_WITH(late.sensor_after(sensor),
                    "[random_flip_polarity] needs a sensor with two polarities; got one of "
                    "34x34x1.");
}

}  // namespace ranvier::test
