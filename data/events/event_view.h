// Events that belong to somebody else.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ranvier/data/events/events.h"

namespace ranvier {

/// The columns of events in the order of time, valid as long as what it was made of stays as it is.
struct EventView {
  const std::int64_t* t = nullptr;
  const std::int16_t *x = nullptr, *y = nullptr;
  const std::uint8_t* p = nullptr;
  std::int64_t count = 0;

  EventView() = default;
  EventView(const Events& events)  // implicit: events can be looked at wherever a view can
      : t(events.t.data()),
        x(events.x.data()),
        y(events.y.data()),
        p(events.p.data()),
        count(events.size()) {}

  std::int64_t size() const { return count; }
  bool empty() const { return count == 0; }
  /// Of events that are not empty.
  std::int64_t first_time() const { return t[0]; }
  std::int64_t last_time() const { return t[count - 1]; }
  /// Those with first <= t <= last.
  EventView between(std::int64_t first, std::int64_t last) const {
    // Both ends are looked at first: mostly nothing has to be searched for.
    const std::int64_t* const end = t + count;
    const bool all_late = empty() || first_time() >= first;
    const bool all_early = empty() || last_time() <= last;
    const std::int64_t* const from = all_late ? t : std::lower_bound(t, end, first);
    const std::int64_t* const to = all_early ? end : std::upper_bound(from, end, last);
    EventView part = *this;
    part.t = from;
    part.x += from - t;
    part.y += from - t;
    part.p += from - t;
    part.count = to - from;
    return part;
  }
};

}  // namespace ranvier
