// The data sets of events that programs know by name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "ranvier/data/events/recordings.h"
#include "ranvier/data/split.h"
#include "ranvier/data/transforms/transform.h"

namespace ranvier::apps {

/// "shd, ssc, fsdd, ..."
std::string event_set_names();

/// Opens a set by its name; "randman" are files of `write_randman`. Errors: there is none of this
/// name; those of its loader, which say how to get the files.
std::shared_ptr<const Recordings> open_event_set(const std::string& name,
                                                 const DatasetSource& source);

/// Writes the default Randman set of `seed` below `folder`, unless it is there, and returns its own
/// folder. Of several programs that ask at once, one writes. Errors: those of `write_randman`; the
/// folder cannot be locked.
std::filesystem::path randman_folder(const std::filesystem::path& folder, std::uint64_t seed);

/// What is done to the recordings of `sensor` once, before a cache: they get `width` columns or
/// channels (0: as many as they have), pixels as many rows, and end before `duration`, in
/// microseconds (0: where they end). Errors: `width` is larger than the sensor's.
EventTransform preparation(const Sensor& sensor, std::int64_t width, std::int64_t duration);

}  // namespace ranvier::apps
