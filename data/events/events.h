// Events of a sensor in columns: when, where, and of which polarity.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ranvier/core/shape.h"

namespace ranvier {

/// The grid of a sensor. One with channels instead of pixels (a cochlea) has height 1.
struct Sensor {
  std::int64_t width = 1;       ///< pixels in a row, or channels; 1 to 32768
  std::int64_t height = 1;      ///< rows; 1 to 32768
  std::int64_t polarities = 1;  ///< 2 if ON and OFF events are told apart, else 1

  /// A frame of one time step: [width] for channels without polarity, else [height, width,
  /// polarities], OFF before ON.
  Shape frame() const;
  bool operator==(const Sensor&) const = default;
};

/// "34x34x2", "700"
std::string to_string(const Sensor& sensor);

/// Times lie in [-max_time, max_time], 142 years: doubles hold them and their differences exactly.
inline constexpr std::int64_t max_time = std::int64_t{1} << 52;

/// The events of a recording, in the order of time. All columns have one length.
struct Events {
  std::vector<std::int64_t> t;  ///< microseconds, at most `max_time` away from 0
  std::vector<std::int16_t> x;  ///< column, or channel
  std::vector<std::int16_t> y;  ///< row; 0 for channels
  std::vector<std::uint8_t> p;  ///< 1: ON, or the only polarity; 0: OFF

  std::int64_t size() const { return static_cast<std::int64_t>(t.size()); }
  bool empty() const { return t.empty(); }
  void clear() { resize(0); }
  /// Keeps the memory, so that a warm loop allocates nothing.
  void resize(std::int64_t count);
  void reserve(std::int64_t count);
  void push_back(std::int64_t time, std::int16_t column, std::int16_t row, std::uint8_t polarity) {
    t.push_back(time);
    x.push_back(column);
    y.push_back(row);
    p.push_back(polarity);
  }
  /// Copies event `from` over event `to`.
  void move_event(std::int64_t from, std::int64_t to) {
    const auto source = static_cast<std::size_t>(from), target = static_cast<std::size_t>(to);
    t[target] = t[source];
    x[target] = x[source];
    y[target] = y[source];
    p[target] = p[source];
  }
  bool operator==(const Events&) const = default;
};

/// Events and the sensor they come from.
struct Recording {
  Sensor sensor;
  Events events;
};

/// Keeps the events whose index `keep` accepts, in their order.
template <class Keep>
void keep_if(Events& events, Keep&& keep) {
  std::int64_t* t = events.t.data();
  std::int16_t *x = events.x.data(), *y = events.y.data();
  std::uint8_t* p = events.p.data();
  const std::int64_t size = events.size();
  std::int64_t kept = 0;
  // Every event is copied, whether it is kept or not: cheaper than a jump that nobody can predict.
  for (std::int64_t i = 0; i < size; ++i) {
    const bool stays = keep(i);
    t[kept] = t[i];
    x[kept] = x[i];
    y[kept] = y[i];
    p[kept] = p[i];
    kept += stays ? 1 : 0;
  }
  events.resize(kept);
}

/// Index of the first event that lies outside `sensor` or is of no polarity; -1 if none is.
std::int64_t first_outside(const Events& events, const Sensor& sensor);
/// True if no time is smaller than the one before it.
bool in_time_order(const Events& events);
/// What makes `events` no recording of `sensor`: "event 3 is at (40, 2), outside the sensor of
/// 34x34x2", columns of several lengths, times that run backwards or lie beyond `max_time`; "" if
/// nothing does.
std::string defect_of(const Events& events, const Sensor& sensor);
/// Sorts by time; events of one time stay in their order.
void sort_by_time(Events& events);

}  // namespace ranvier
