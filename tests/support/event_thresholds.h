// Event-driven or dense products, as a test wants them.
#pragma once

#include "ranvier/ops/spikes/event_thresholds.h"

namespace ranvier::test {

/// While alive, all thresholds against `compute` are `value`: 0 for dense, 1 for event-driven.
class AllThresholds {
 public:
  AllThresholds(DType compute, double value)
      : compute_(compute), before_(event_thresholds(compute)) {
    set_event_thresholds(compute, {value, value, value, value});
  }
  ~AllThresholds() { set_event_thresholds(compute_, before_); }
  AllThresholds(const AllThresholds&) = delete;
  AllThresholds& operator=(const AllThresholds&) = delete;

 private:
  DType compute_;
  EventThresholds before_;
};

}  // namespace ranvier::test
