// Reader and writer of AEDAT 3.1 recordings, as in DVS128 Gesture: header lines "#text" up to
// "#!END-HEADER", then packets, little endian: 28 bytes that say how many events of which type
// follow, and the events. Events of a pixel have 8 bytes: validity (1 bit), polarity (1), y (15),
// x (15), then 31 bits of time in microseconds, to which the packet's count of overflows adds
// 2^31 each.
// https://docs.inivation.com/software/software-advanced-usage/file-formats/aedat-3.1.html
//
// Packets of other types and events that are not marked as valid are left out.
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

struct Aedat3Options {
  ReadOptions read = {};
  /// Unset: that of the camera which the header names ("#Source 1: DVS128"; known are DVS128,
  /// DAVIS240, DAVIS346 and DAVIS640), or else the smallest that holds the events.
  std::optional<Sensor> sensor = {};
};

/// Errors: the file cannot be read, is of another version, ends within its header or a packet,
/// holds a packet that claims what cannot be, an event outside the sensor or with a negative time,
/// or its times run backwards where that is not accepted.
Recording read_aedat3(const std::filesystem::path& path, const Aedat3Options& options = {});

/// As `read_aedat3`, from the content of a file; `name` stands for the file in error texts.
Recording parse_aedat3(std::span<const std::uint8_t> content, const std::string& name,
                       const Aedat3Options& options = {});

/// The content of a file with these events. Errors: events that are not in the order of time, or
/// outside their sensor; a time not in [0, max_time].
std::vector<std::uint8_t> encode_aedat3(const Recording& recording);

}  // namespace ranvier
