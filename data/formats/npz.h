// NumPy arrays of events: archives of columns (`.npz`), as SpikingJelly writes them with members t,
// x, y and p, and structured arrays with fields of these names (`.npy`), as many sets of Tonic's.
//
// Columns are of any type of little-endian integers, floating-point numbers or booleans. t is in
// microseconds; but floating-point times without a y are seconds: so SpikingJelly writes SHD.
// Without y all events have y = 0, without p all are ON; p is true or 1 for ON, false, 0 or -1 for
// OFF.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ranvier/data/events/events.h"
#include "ranvier/data/formats/read_options.h"

namespace ranvier {

struct NumpyOptions {
  ReadOptions read = {};
  /// Unset: the one that `encode_npz` wrote beside the events, or else the smallest that holds
  /// them.
  std::optional<Sensor> sensor = {};
};

/// Errors name the member: the file is no such archive, lacks t or x, has columns of different
/// lengths, is damaged, or unpacks to more than `max_bytes`; an event outside the sensor.
Recording read_npz(const std::filesystem::path& path, const NumpyOptions& options = {});
Recording read_npy(const std::filesystem::path& path, const NumpyOptions& options = {});

/// As above, from the content of a file; `name` stands for the file in error texts.
Recording parse_npz(std::span<const std::uint8_t> content, const std::string& name,
                    const NumpyOptions& options = {});
Recording parse_npy(std::span<const std::uint8_t> content, const std::string& name,
                    const NumpyOptions& options = {});

/// The content of an archive with the columns t (i64), x, y (i16) and p (bool), and the extents of
/// the sensor (i64: width, height, polarities), deflated; of a structured array with these columns.
/// Errors: events that are not in the order of time or outside the sensor.
std::vector<std::uint8_t> encode_npz(const Recording& recording);
std::vector<std::uint8_t> encode_npy(const Recording& recording);

}  // namespace ranvier
