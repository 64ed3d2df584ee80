#include "ranvier/data/events/events.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace ranvier {
namespace {

template <class Value>
void reorder(std::vector<Value>& column, const std::vector<std::size_t>& order) {
  std::vector<Value> ordered(column.size());
  for (std::size_t i = 0; i < order.size(); ++i) ordered[i] = column[order[i]];
  column = std::move(ordered);
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

void sort_by_time(Events& events) {
  if (in_time_order(events)) return;
  std::vector<std::size_t> order(events.t.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return events.t[a] < events.t[b]; });
  reorder(events.t, order);
  reorder(events.x, order);
  reorder(events.y, order);
  reorder(events.p, order);
}

}  // namespace ranvier
