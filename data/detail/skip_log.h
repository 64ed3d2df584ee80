// Which recordings could not be read, from whichever thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "ranvier/data/event_dataset.h"

namespace ranvier::detail {

/// Thread-safe.
class SkipLog {
 public:
  void add(std::int64_t index, const std::string& error) {
    const std::lock_guard lock(mutex_);
    errors_.emplace(index, error);
  }
  SkippedRecordings summary() const {
    const std::lock_guard lock(mutex_);
    if (errors_.empty()) return {};
    return {static_cast<std::int64_t>(errors_.size()), errors_.begin()->second};
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::int64_t, std::string> errors_;
};

}  // namespace ranvier::detail
