#include "ranvier/data/events/events.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <numeric>

namespace ranvier {
namespace {

/// An event's place among the others, before and after sorting.
struct Key {
  std::uint64_t time;  // since the first event
  std::size_t index;
};

/// Sorts by time, digit by digit: the bits of the times decide how long it takes, not their order.
std::vector<Key> sorted_keys(const std::vector<std::int64_t>& times) {
  const auto [first, last] = std::minmax_element(times.begin(), times.end());
  const auto since_first = [start = static_cast<std::uint64_t>(*first)](std::int64_t t) {
    return static_cast<std::uint64_t>(t) - start;
  };
  std::vector<Key> keys(times.size()), sorted(times.size());
  for (std::size_t i = 0; i < times.size(); ++i) keys[i] = {since_first(times[i]), i};
  constexpr int digit_bits = 8;
  const auto digit = [](const Key& key, int shift) { return (key.time >> shift) & 0xff; };
  for (int shift = 0; shift < 64 && since_first(*last) >> shift != 0; shift += digit_bits) {
    std::array<std::size_t, (1 << digit_bits) + 1> begin{};
    for (const Key& key : keys) ++begin[digit(key, shift) + 1];
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    for (const Key& key : keys) sorted[begin[digit(key, shift)]++] = key;
    keys.swap(sorted);
  }
  return keys;
}

template <class Value>
void reorder(std::vector<Value>& column, const std::vector<Key>& order) {
  std::vector<Value> ordered(column.size());
  for (std::size_t i = 0; i < order.size(); ++i) ordered[i] = column[order[i].index];
  column = std::move(ordered);
}

/// Whether all numbers of a column lie in [0, limit).
template <class Value>
bool all_below(const std::vector<Value>& column, std::int64_t limit) {
  Value least = 0, largest = 0;
  for (const Value value : column) {
    least = std::min(least, value);
    largest = std::max(largest, value);
  }
  return least >= 0 && largest < limit;
}

}  // namespace

Shape Sensor::frame() const {
  if (height == 1 && polarities == 1) return {width};
  return {height, width, polarities};
}

std::string to_string(const Sensor& sensor) {
  if (sensor.height == 1 && sensor.polarities == 1) return fmt::format("{}", sensor.width);
  return fmt::format("{}x{}x{}", sensor.width, sensor.height, sensor.polarities);
}

void Events::resize(std::int64_t count) {
  const auto n = static_cast<std::size_t>(count);
  t.resize(n);
  x.resize(n);
  y.resize(n);
  p.resize(n);
}

void Events::reserve(std::int64_t count) {
  const auto n = static_cast<std::size_t>(count);
  t.reserve(n);
  x.reserve(n);
  y.reserve(n);
  p.reserve(n);
}

std::int64_t first_outside(const Events& events, const Sensor& sensor) {
  // Mostly none is; this is known several events at a time.
  if (all_below(events.x, sensor.width) && all_below(events.y, sensor.height) &&
      all_below(events.p, 2))
    return -1;
  for (std::size_t i = 0; i < events.t.size(); ++i) {
    const bool inside = events.x[i] >= 0 && events.x[i] < sensor.width && events.y[i] >= 0 &&
                        events.y[i] < sensor.height && events.p[i] <= 1;
    if (!inside) return static_cast<std::int64_t>(i);
  }
  return -1;
}

bool in_time_order(const Events& events) {
  return std::is_sorted(events.t.begin(), events.t.end());
}

std::string defect_of(const Events& events, const Sensor& sensor) {
  const auto& [t, x, y, p] = events;
  if (x.size() != t.size() || y.size() != t.size() || p.size() != t.size())
    return fmt::format("its columns t, x, y, p have {}, {}, {} and {} numbers", t.size(), x.size(),
                       y.size(), p.size());
  if (const std::int64_t i = first_outside(events, sensor); i >= 0) {
    const auto at = static_cast<std::size_t>(i);
    return fmt::format("event {} is at ({}, {}), of polarity {}, outside the sensor of {}", i,
                       x[at], y[at], p[at], to_string(sensor));
  }
  if (!in_time_order(events)) {
    const auto later = std::is_sorted_until(t.begin(), t.end());
    return fmt::format("time runs backwards at event {}, from {} to {} us", later - t.begin(),
                       *(later - 1), *later);
  }
  if (!t.empty() && (t.front() < -max_time || t.back() > max_time))
    return fmt::format("its times, from {} to {} us, must be within {} us of 0", t.front(),
                       t.back(), max_time);
  return {};
}

void sort_by_time(Events& events) {
  if (in_time_order(events)) return;
  const std::vector<Key> order = sorted_keys(events.t);
  reorder(events.t, order);
  reorder(events.x, order);
  reorder(events.y, order);
  reorder(events.p, order);
}

}  // namespace ranvier
