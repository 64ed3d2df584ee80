// Reader and writer of the spike files of SLAYER and Lava: no header, 5 bytes per event, big
// endian.
//   .bs1, one-dimensional: 16 bits of channel, 1 of polarity (1: ON), 23 of time in microseconds
//   .bs2, two-dimensional: x, y (8 bits each), 1 bit of polarity, 23 of time
// https://github.com/bamsumit/slayerPytorch
//
// The counter of time starts again at 0 after 2^23 us (8.4 s); a fall by more than half of that is
// taken for such a start, and time goes on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "ranvier/data/events/events.h"
#include "ranvier/data/formats/read_options.h"

namespace ranvier {

struct Bs1Options {
  ReadOptions read = {};
  /// The cochlea of N-TIDIGITS; the format does not name it. Without polarities every event is ON.
  Sensor sensor = {64, 1, 1};
};

struct Bs2Options {
  ReadOptions read = {};
  Sensor sensor = {128, 128, 2};  ///< DVS128 Gesture's; the format does not name it
};

/// Errors: the file cannot be read, ends within an event, holds an event outside the sensor, or its
/// times run backwards where that is not accepted.
Recording read_bs1(const std::filesystem::path& path, const Bs1Options& options = {});
Recording read_bs2(const std::filesystem::path& path, const Bs2Options& options = {});

/// As above, from the content of a file; `name` stands for the file in error texts.
Recording parse_bs1(std::span<const std::uint8_t> content, const std::string& name,
                    const Bs1Options& options = {});
Recording parse_bs2(std::span<const std::uint8_t> content, const std::string& name,
                    const Bs2Options& options = {});

/// The content of a file with these events. Errors: events that are not in the order of time, or
/// outside their sensor; a time not in [0, 2^23) us; a sensor of more than 32768 x 1 (bs1) or
/// 256 x 256 pixels (bs2).
std::vector<std::uint8_t> encode_bs1(const Recording& recording);
std::vector<std::uint8_t> encode_bs2(const Recording& recording);

}  // namespace ranvier
