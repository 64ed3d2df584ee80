// Reader and writer of Prophesee's `.dat` recordings: header lines "% key value", then two bytes,
// type and size of an event, then 8 bytes per event, little endian: 32 bits of time in
// microseconds, and of place
//   version 1: x (9 bits), y (8), polarity (1)       the ATIS, as in NAVGesture
//   version 2: x (14 bits), y (14), polarity (4)     as in N-CARS
// https://docs.prophesee.ai/stable/data/file_formats/dat.html
//
// A file without header has no type and size either; one that names no version is of version 1. The
// counter of time starts again at 0 after 2^32 us (71.6 min); a fall by more than half of that is
// taken for such a start, and time goes on.
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

struct DatOptions {
  ReadOptions read = {};
  /// Unset: the extents that the header names ("% Width", "% Height"), or else the smallest sensor
  /// that holds the events.
  std::optional<Sensor> sensor = {};
};

/// Errors: the file cannot be read, is of another version, holds other events than those of pixels,
/// ends within an event, holds an event outside the sensor, or its times run backwards where that
/// is not accepted.
Recording read_dat(const std::filesystem::path& path, const DatOptions& options = {});

/// As `read_dat`, from the content of a file; `name` stands for the file in error texts.
Recording parse_dat(std::span<const std::uint8_t> content, const std::string& name,
                    const DatOptions& options = {});

/// The content of a file of version 2 with these events, its sensor in the header. Errors: events
/// that are not in the order of time, or outside their sensor; a time not in [0, 2^32) us; a sensor
/// of more than 16384 x 16384 pixels.
std::vector<std::uint8_t> encode_dat(const Recording& recording);

}  // namespace ranvier
