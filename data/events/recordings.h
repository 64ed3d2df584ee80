// Labelled recordings, wherever they lie: what transforms, caches and loaders read from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ranvier/data/events/events.h"

namespace ranvier {

/// Labelled recordings of one sensor, readable in any order and from several threads at once.
class Recordings {
 public:
  virtual ~Recordings() = default;

  /// "shd train": begins error texts and titles.
  virtual const std::string& name() const = 0;
  virtual std::int64_t size() const = 0;
  virtual const Sensor& sensor() const = 0;
  /// One name per class; labels are indices into it.
  virtual const std::vector<std::string>& classes() const = 0;
  /// The class of recording `index`, in [0, classes().size()).
  virtual std::int64_t label(std::int64_t index) const = 0;
  /// Overwrites `events` with recording `index`, in the order of time, inside the sensor, reusing
  /// its memory. Errors: index out of range; a damaged recording (names file, record and offset).
  virtual void read(std::int64_t index, Events& events) const = 0;
  /// Whether `read` checks itself that events are as it promises (`defect_of`), as the library's
  /// own readers do; if not, whoever is given them looks.
  virtual bool checks_events() const { return false; }
  /// Recording `index` itself if it lies in memory, valid as long as these recordings; null: it has
  /// to be read. Nobody looks again whether it is as `read` promises (`defect_of`).
  virtual const Events* in_memory(std::int64_t) const { return nullptr; }
  /// Text that changes when the content does (format version, files, their sizes and times):
  /// part of a cache's key.
  virtual std::string identity() const = 0;
};

/// Error: there is no recording `index`.
void check_index(const Recordings& recordings, std::int64_t index);

}  // namespace ranvier
