// Options that all readers of event files share. One header per format lies beside this one.
#pragma once

#include <cstdint>

namespace ranvier {

/// What happens to a file whose times run backwards.
enum class TimeOrder {
  sort,    ///< events are sorted by time; those of one time stay in their order
  reject,  ///< an error that names the first such event
};

/// Options of every reader of event files.
struct ReadOptions {
  TimeOrder order = TimeOrder::sort;
  std::int64_t max_bytes = std::int64_t{1} << 34;  ///< refuses larger files, and larger contents
};

}  // namespace ranvier
