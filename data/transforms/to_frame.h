// Frames that count events.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "ranvier/data/events/event_view.h"
#include "ranvier/data/transforms/framing.h"
#include "ranvier/data/transforms/lookup.h"
#include "ranvier/ops/events/bin_rule.h"

namespace ranvier {

/// The events [first, end) that a step counts.
struct StepEvents {
  std::int64_t first, end;
};

/// Counts the events of each pixel, or channel, and polarity in each time step: f32 frames of
/// `sensor.frame()`. What the steps are is said by exactly one of the first four options.
///
/// Windows of time hold the times from their begin up to, but not including, their end; the last
/// one also holds its end if the recording ends exactly there. So no event between the first and
/// the last window is lost. A recording without events has one step, or as many as the options fix.
struct ToFrame {
  std::int64_t time_window = 0;   ///< microseconds of each step
  std::int64_t event_count = 0;   ///< events of each step
  std::int64_t n_time_bins = 0;   ///< so many steps, equally long, from the first to the last event
  std::int64_t n_event_bins = 0;  ///< so many steps of equally many events, give or take one
  /// What a step shares with the next: whole microseconds of `time_window`, whole events of
  /// `event_count`, or a fraction in [0, 1) of a bin.
  double overlap = 0;
  /// Of `time_window` and `event_count`: true adds a last step for the events after the last
  /// complete one; false leaves them out. A recording shorter than one step has one all the same.
  bool include_incomplete = false;
  /// Of `time_window`: where the first window begins, in microseconds; events before it are left
  /// out. Unset: at the first event of each recording.
  std::optional<std::int64_t> start = {};
  /// Of `time_window`: so many steps for every recording, whatever its length; 0: as many as it
  /// needs.
  std::int64_t fixed_steps = 0;

  std::int64_t steps(const EventView& events) const;
  /// Errors: not exactly one of the four kinds of steps; options out of range, or that do not go
  /// with that kind.
  Shape frame(const Sensor& sensor) const;
  void write(const EventView& events, const Sensor& sensor, const FrameRows& out) const;
  /// Counts events where `lookup` places them, on `sensor`. What it leaves out must be left out of
  /// `events` already: `events.between(lookup.first_time, lookup.last_time)`.
  void write(const EventView& events, const EventLookup& lookup, const Sensor& sensor,
             const FrameRows& out) const;
  /// Finds the events of `steps.size()` steps from step `begin` on.
  void cut(const EventView& events, std::int64_t begin, std::span<StepEvents> steps) const;
  std::string describe() const;

  /// The windows of a recording with events from time `first` to `last`. Error: `time_window` is
  /// not what the steps are; more steps than anyone can mean.
  TimeWindows windows(std::int64_t first, std::int64_t last) const;
  /// The windows of a recording that may be empty. Errors as above.
  TimeWindows windows(const EventView& events) const;
};

}  // namespace ranvier
