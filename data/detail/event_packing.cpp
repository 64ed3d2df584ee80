#include "ranvier/data/detail/event_packing.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace ranvier::detail {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t head_bytes = 16;

std::size_t width_of(std::int64_t largest) {
  return largest <= UINT8_MAX ? 1 : largest <= UINT16_MAX ? 2 : largest <= UINT32_MAX ? 4 : 8;
}
/// Bytes of a coordinate in [0, extent); none if there is nothing to tell apart.
std::size_t coordinate_width(std::int64_t extent) { return width_of(extent - 1); }
std::size_t row_width(const Sensor& sensor) {
  return sensor.height == 1 ? 0 : coordinate_width(sensor.height);
}

/// Calls `body` with an unsigned number of `width` bytes.
template <class Body>
void visit_width(std::size_t width, Body&& body) {
  if (width == 1) body(std::uint8_t{});
  if (width == 2) body(std::uint16_t{});
  if (width == 4) body(std::uint32_t{});
  if (width == 8) body(std::uint64_t{});
}

/// Bytes of `count` events; `count` is at most 2^58, so that nothing overflows.
std::size_t packed_bytes(std::size_t count, std::size_t time_width, const Sensor& sensor) {
  if (count == 0) return 0;
  const std::size_t bytes = time_width + coordinate_width(sensor.width) + row_width(sensor);
  return head_bytes + count * bytes + (sensor.polarities == 1 ? 0 : (count + 7) / 8);
}

std::int64_t longest_gap(const std::vector<std::int64_t>& t) {
  std::int64_t longest = 0;
  for (std::size_t i = 1; i < t.size(); ++i) longest = std::max(longest, t[i] - t[i - 1]);
  return longest;
}

template <class Number>
std::uint8_t* put(std::uint8_t* at, Number number) {
  std::memcpy(at, &number, sizeof number);
  return at + sizeof number;
}

template <class Number>
Number get(const std::uint8_t* at) {
  Number number;
  std::memcpy(&number, at, sizeof number);
  return number;
}

std::uint8_t* put_coordinates(std::uint8_t* at, std::size_t width,
                              const std::vector<std::int16_t>& column) {
  visit_width(width, [&](auto number) {
    for (const std::int16_t value : column) at = put(at, static_cast<decltype(number)>(value));
  });
  return at;
}

/// Reads a column of coordinates; false if one is not below `extent`.
bool get_coordinates(const std::uint8_t* at, std::size_t width, std::int64_t extent,
                     std::vector<std::int16_t>& column) {
  bool inside = true;
  visit_width(width, [&](auto number) {
    using Number = decltype(number);
    std::int16_t* out = column.data();
    const std::size_t count = column.size();
    Number largest = 0;  // here, not outside: only so is the loop one of vectors
    for (std::size_t i = 0; i < count; ++i) {
      const auto value = get<Number>(at + i * sizeof(Number));
      largest = std::max(largest, value);
      out[i] = static_cast<std::int16_t>(value);
    }
    inside = largest < static_cast<std::uint64_t>(extent);
  });
  return inside;
}

/// Reads the times; false if they are not in order or leave [-max_time, max_time].
bool get_times(const std::uint8_t* at, std::size_t width, std::int64_t first,
               std::vector<std::int64_t>& column) {
  if (first < -max_time || first > max_time) return false;
  bool in_range = true;
  visit_width(width, [&](auto number) {
    using Number = decltype(number);
    std::int64_t time = first;
    for (std::size_t i = 0; i < column.size(); ++i) {
      const std::uint64_t step = get<Number>(at + i * sizeof(Number));
      // The sum of two that are at most max_time cannot overflow.
      in_range = in_range && step <= std::uint64_t{2 * max_time} && time <= max_time;
      time = in_range ? time + static_cast<std::int64_t>(step) : time;
      column[i] = time;
    }
    in_range = in_range && time <= max_time;
  });
  return in_range;
}

}  // namespace

void pack_events(const Events& events, const Sensor& sensor, std::vector<std::uint8_t>& bytes) {
  const std::size_t count = events.t.size();
  const std::size_t time_width = width_of(longest_gap(events.t));
  bytes.resize(packed_bytes(count, time_width, sensor));
  if (count == 0) return;
  std::uint8_t* at = put(bytes.data(), events.t.front());
  at = put(at, std::uint64_t{time_width});
  visit_width(time_width, [&](auto number) {
    std::int64_t before = events.t.front();
    for (const std::int64_t time : events.t) {
      at = put(at, static_cast<decltype(number)>(time - before));
      before = time;
    }
  });
  at = put_coordinates(at, coordinate_width(sensor.width), events.x);
  at = put_coordinates(at, row_width(sensor), events.y);
  std::fill(at, bytes.data() + bytes.size(), std::uint8_t{0});
  if (sensor.polarities == 1) return;
  for (std::size_t i = 0; i < count; ++i)
    at[i / 8] |= static_cast<std::uint8_t>((events.p[i] != 0 ? 1 : 0) << (i % 8));
}

void unpack_events(std::span<const std::uint8_t> bytes, std::uint64_t count, const Sensor& sensor,
                   const PackedPlace& place, Events& events) {
  // An event takes two bytes at least: more than this many cannot be there.
  require(count <= bytes.size(), place, "it has fewer bytes than events");
  if (count == 0) {
    require(bytes.empty(), place, "it has bytes, but no events");
    return events.clear();
  }
  require(bytes.size() >= head_bytes, place, "it has no head");
  const auto first = get<std::int64_t>(bytes.data());
  const auto time_width = get<std::uint64_t>(bytes.data() + 8);
  require(time_width == 1 || time_width == 2 || time_width == 4 || time_width == 8, place,
          "its times are of no width");
  require(bytes.size() == packed_bytes(count, time_width, sensor), place,
          "its length is not that of its events");

  events.resize(static_cast<std::int64_t>(count));
  const std::uint8_t* at = bytes.data() + head_bytes;
  require(get_times(at, time_width, first, events.t), place, "its times are out of range");
  at += count * time_width;
  require(get_coordinates(at, coordinate_width(sensor.width), sensor.width, events.x), place,
          "an event lies outside the sensor");
  at += count * coordinate_width(sensor.width);
  std::fill(events.y.begin(), events.y.end(), std::int16_t{0});
  require(get_coordinates(at, row_width(sensor), sensor.height, events.y), place,
          "an event lies outside the sensor");
  at += count * row_width(sensor);
  std::fill(events.p.begin(), events.p.end(), std::uint8_t{1});
  if (sensor.polarities == 1) return;
  for (std::size_t i = 0; i < count; ++i)
    events.p[i] = static_cast<std::uint8_t>((at[i / 8] >> (i % 8)) & 1);
}

}  // namespace ranvier::detail
