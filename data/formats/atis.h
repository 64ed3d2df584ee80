// Reader and writer of the ATIS files of N-MNIST and N-Caltech101 (.bin): no header, 5 bytes per
// event, big endian: x, y, 1 bit of polarity (1: ON), 23 bits of time in microseconds.
// Orchard et al. 2015, doi:10.3389/fnins.2015.00437
//
// An event with y = 240 is no event: it says that the counter of time overflowed, and adds 2^13 us
// to all later times. Without such marks the counter starts again at 0 after 2^23 us (8.4 s); a
// fall by more than half of that is taken for such a start, and time goes on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "ranvier/data/events/events.h"
#include "ranvier/data/formats/read_options.h"

namespace ranvier {

struct AtisOptions {
  ReadOptions read = {};
  /// N-MNIST's; the format does not name it. All of N-Caltech101 fit into {240, 180, 2}.
  Sensor sensor = {34, 34, 2};
};

/// Errors: the file cannot be read, ends within an event, holds an event outside the sensor, or its
/// times run backwards where that is not accepted.
Recording read_atis(const std::filesystem::path& path, const AtisOptions& options = {});

/// As `read_atis`, from the content of a file; `name` stands for the file in error texts.
Recording parse_atis(std::span<const std::uint8_t> content, const std::string& name,
                     const AtisOptions& options = {});

/// The content of a file with these events. Errors: events that are not in the order of time, or
/// outside their sensor; a time not in [0, 2^23) us; a sensor of more than 256 x 240 pixels.
std::vector<std::uint8_t> encode_atis(const Recording& recording);

}  // namespace ranvier
