#include "ranvier/data/transforms/to_frame.h"

#include <algorithm>
#include <cmath>

#include "ranvier/data/transforms/detail/describe.h"
#include "ranvier/data/transforms/detail/slices.h"

namespace ranvier {
namespace {

// More than this is a damaged time, not a recording.
constexpr std::int64_t max_steps = std::int64_t{1} << 24;

bool is_bins(const ToFrame& options) { return options.n_time_bins + options.n_event_bins > 0; }

void check_overlap(const ToFrame& options) {
  const double overlap = options.overlap;
  if (is_bins(options)) {
    RV_CHECK(overlap >= 0 && overlap < 1,
             "[to_frame] overlap of bins is a fraction and must be in [0, 1); got {}.", overlap);
    return;
  }
  const std::int64_t length = std::max(options.time_window, options.event_count);
  RV_CHECK(overlap >= 0 && overlap < static_cast<double>(length) && overlap == std::floor(overlap),
           "[to_frame] overlap must be a whole number in [0, {}), in {}; got {}.", length,
           options.time_window > 0 ? "microseconds as time_window" : "events as event_count",
           overlap);
}

void check_grid(const ToFrame& options) {
  if (options.time_window == 0) {
    RV_CHECK(!options.start.has_value() && options.fixed_steps == 0,
             "[to_frame] start and fixed_steps go with time_window alone.");
    return;
  }
  const std::int64_t start = options.start.value_or(0), steps = options.fixed_steps;
  RV_CHECK(options.time_window <= max_time, "[to_frame] time_window must be at most {}; got {}.",
           max_time, options.time_window);
  RV_CHECK(start >= -max_time && start <= max_time,
           "[to_frame] start must be within {} of 0; got {}.", max_time, start);
  RV_CHECK(steps >= 0 && steps <= max_steps, "[to_frame] fixed_steps must be in [0, {}]; got {}.",
           max_steps, steps);
  RV_CHECK(steps == 0 || options.time_window <= max_time / steps,
           "[to_frame] fixed_steps of time_window must be at most {} us in all; got {} of {}.",
           max_time, steps, options.time_window);
}

void check(const ToFrame& options) {
  int kinds = 0;
  for (const std::int64_t value :
       {options.time_window, options.event_count, options.n_time_bins, options.n_event_bins}) {
    RV_CHECK(
        value >= 0,
        "[to_frame] time_window, event_count, n_time_bins and n_event_bins must be > 0 or left "
        "out; got {}.",
        value);
    kinds += value > 0 ? 1 : 0;
  }
  RV_CHECK(kinds == 1,
           "[to_frame] exactly one of time_window, event_count, n_time_bins and n_event_bins must "
           "be given; got {}.",
           kinds);
  RV_CHECK(options.n_time_bins + options.n_event_bins <= max_steps,
           "[to_frame] there must be at most {} bins; got {}.", max_steps,
           options.n_time_bins + options.n_event_bins);
  RV_CHECK(!options.include_incomplete || (!is_bins(options) && options.fixed_steps == 0),
           "[to_frame] include_incomplete does not go with bins or fixed_steps, which say how many "
           "steps there are.");
  check_overlap(options);
  check_grid(options);
}

/// Steps of `event_count`: windows on the axis of the events' numbers.
TimeWindows event_windows(const ToFrame& options, std::int64_t events) {
  const std::int64_t stride = options.event_count - static_cast<std::int64_t>(options.overlap);
  return time_windows(0, events, options.event_count, stride, options.include_incomplete);
}

/// Calls `visit(k, first, end)` for k in [0, steps): step `begin` + k counts the events
/// [first, end).
template <class Visit>
void for_each_step(const ToFrame& options, const EventView& events, std::int64_t begin,
                   std::int64_t steps, const Visit& visit) {
  const std::int64_t size = events.size();
  if (options.time_window > 0) {
    detail::for_each_slice(events, part_of(options.windows(events), begin, steps), visit);
  } else if (options.n_time_bins > 0) {
    detail::for_each_time_bin(events, options.n_time_bins, options.overlap, begin, steps, visit);
  } else if (options.event_count > 0) {
    const TimeWindows windows = part_of(event_windows(options, size), begin, steps);
    for (std::int64_t k = 0; k < steps; ++k)
      visit(k, window_begin(windows, k), std::min(window_end(windows, k), size));
  } else {
    const detail::EqualParts parts{size, options.n_event_bins, options.overlap};
    for (std::int64_t k = 0; k < steps; ++k)
      visit(k, parts.begin(begin + k), std::min(parts.end(begin + k), size));
  }
}

/// Counts each event in cell `cell_of(i)` of its windows, which share no time: one walk along the
/// events that is only interrupted where a window ends.
template <class CellOf>
void count_in_windows(const EventView& events, const TimeWindows& windows,
                      const detail::StepRows& rows, const CellOf& cell_of) {
  const std::int64_t *const t = events.t, size = events.size();
  std::int64_t i = detail::first_not_before(
      windows.start, [t](std::int64_t at) { return t[at]; }, 0, size);
  for (std::int64_t k = 0; k < rows.steps; ++k) {
    float* const row = rows.cleared(k);
    for (const std::int64_t end = window_end(windows, k); i < size && t[i] < end; ++i)
      row[cell_of(i)] += 1;
  }
}

/// Counts each event in cell `cell_of(i)` of its steps, from step `begin` on.
template <class CellOf>
void count_events(const ToFrame& options, const EventView& events, std::int64_t begin,
                  const detail::StepRows& rows, const CellOf& cell_of) {
  if (options.time_window > 0 && options.overlap == 0)
    return count_in_windows(events, part_of(options.windows(events), begin, rows.steps), rows,
                            cell_of);
  for_each_step(options, events, begin, rows.steps,
                [&](std::int64_t k, std::int64_t first, std::int64_t end) {
                  float* const row = rows.cleared(k);
                  for (std::int64_t i = first; i < end; ++i) row[cell_of(i)] += 1;
                });
}

bool is_line(const Sensor& sensor) { return sensor.height == 1 && sensor.polarities == 1; }

detail::StepRows rows_of(const FrameRows& out, const Sensor& sensor) {
  return {out.first, out.stride, out.steps, sensor.frame().numel()};
}

}  // namespace

TimeWindows ToFrame::windows(std::int64_t first, std::int64_t last) const {
  check(*this);
  RV_CHECK(time_window > 0, "[to_frame] only a ToFrame with time_window has windows of time.");
  const std::int64_t begin = start.value_or(first);
  const std::int64_t stride = time_window - static_cast<std::int64_t>(overlap);
  if (fixed_steps > 0) return fixed_windows(begin, last, time_window, stride, fixed_steps);
  const TimeWindows windows = time_windows(begin, last, time_window, stride, include_incomplete);
  RV_CHECK(windows.count <= max_steps,
           "[to_frame] a recording from {} to {} us has {} windows of {} us; at most {} are made: "
           "crop it, or take longer windows.",
           begin, last, windows.count, time_window, max_steps);
  return windows;
}

TimeWindows ToFrame::windows(const EventView& events) const {
  if (!events.empty()) return windows(events.first_time(), events.last_time());
  const std::int64_t nowhere = start.value_or(0);
  return windows(nowhere, nowhere);
}

std::int64_t ToFrame::steps(const EventView& events) const {
  check(*this);
  if (is_bins(*this)) return n_time_bins + n_event_bins;
  if (time_window > 0) return windows(events).count;
  return event_windows(*this, events.size()).count;
}

Shape ToFrame::frame(const Sensor& sensor) const {
  check(*this);
  return sensor.frame();
}

void ToFrame::write(const EventView& events, const Sensor& sensor, const FrameRows& out) const {
  const std::int16_t *const x = events.x, *const y = events.y;
  const std::uint8_t* const p = events.p;
  const detail::StepRows rows = rows_of(out, sensor);
  if (is_line(sensor))
    return count_events(*this, events, out.begin, rows, [x](std::int64_t i) { return x[i]; });
  count_events(*this, events, out.begin, rows, [&](std::int64_t i) {
    return event_cell(sensor.width, sensor.polarities, x[i], y[i], p[i]);
  });
}

void ToFrame::write(const EventView& events, const EventLookup& lookup, const Sensor& sensor,
                    const FrameRows& out) const {
  const std::int16_t *const x = events.x, *const y = events.y;
  const std::uint8_t* const p = events.p;
  const std::int16_t *const column = lookup.x.data(), *const row = lookup.y.data();
  const detail::StepRows rows = rows_of(out, sensor);
  if (is_line(sensor))
    return count_events(*this, events, out.begin, rows,
                        [=](std::int64_t i) { return column[x[i]]; });
  count_events(*this, events, out.begin, rows, [=](std::int64_t i) {
    return event_cell(sensor.width, sensor.polarities, column[x[i]], row[y[i]], p[i]);
  });
}

void ToFrame::cut(const EventView& events, std::int64_t begin, std::span<StepEvents> steps) const {
  for_each_step(*this, events, begin, static_cast<std::int64_t>(steps.size()),
                [&](std::int64_t k, std::int64_t first, std::int64_t end) {
                  steps[static_cast<std::size_t>(k)] = {first, end};
                });
}

std::string ToFrame::describe() const {
  detail::Description text("ToFrame");
  if (time_window != 0) text.add("time_window", time_window);
  if (event_count != 0) text.add("event_count", event_count);
  if (n_time_bins != 0) text.add("n_time_bins", n_time_bins);
  if (n_event_bins != 0) text.add("n_event_bins", n_event_bins);
  if (overlap != 0) text.add("overlap", overlap);
  if (include_incomplete) text.add("include_incomplete", true);
  if (start.has_value()) text.add("start", *start);
  if (fixed_steps != 0) text.add("fixed_steps", fixed_steps);
  return text.done();
}

}  // namespace ranvier
