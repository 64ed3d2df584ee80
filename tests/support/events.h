// Events for tests.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "ranvier/core/tensor.h"
#include "ranvier/data/events/events.h"
#include "ranvier/data/transforms/transform.h"

namespace ranvier::test {

/// ON events of pixel (0, 0) at these times.
inline Events events_at(const std::vector<std::int64_t>& times) {
  Events events;
  for (const std::int64_t t : times) events.push_back(t, 0, 0, 1);
  return events;
}

/// `count` events anywhere on `sensor`, in the order of time, from `first` to at most `last`.
inline Events random_events(const Sensor& sensor, std::int64_t count, std::uint64_t seed,
                            std::int64_t first = 0, std::int64_t last = 100000) {
  RandomStream random({.seed = seed}, 0);
  std::vector<std::int64_t> times;
  for (std::int64_t i = 0; i < count; ++i) times.push_back(first + random.below(last - first + 1));
  std::sort(times.begin(), times.end());
  Events events;
  for (const std::int64_t t : times)
    events.push_back(
        t, static_cast<std::int16_t>(random.below(sensor.width)),
        static_cast<std::int16_t>(random.below(sensor.height)),
        sensor.polarities == 1 ? std::uint8_t{1} : static_cast<std::uint8_t>(random.below(2)));
  return events;
}

/// `events` of `sensor` after `transform`, as sample `sample` of an epoch.
inline Events transformed(const EventTransform& transform, Events events, const Sensor& sensor,
                          const Draw& draw = {}, std::int64_t sample = 0) {
  RandomStream random(draw, sample);
  transform(events, sensor, random);
  return events;
}

/// The sum of each step of frames [T, ...].
inline std::vector<double> step_sums(const Tensor& frames) {
  std::vector<double> sums(static_cast<std::size_t>(frames.size(0)), 0.0);
  const std::int64_t cells = frames.numel() / frames.size(0);
  for (std::int64_t i = 0; i < frames.numel(); ++i)
    sums[static_cast<std::size_t>(i / cells)] += frames.data<float>()[i];
  return sums;
}

}  // namespace ranvier::test
