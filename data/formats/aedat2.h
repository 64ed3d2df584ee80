// Reader and writer of AEDAT 2.0 recordings of a DVS128 camera, as in CIFAR10-DVS and MNIST-DVS:
// header lines "# text", the first one "#!AER-DAT2.0", then 8 bytes per event, big endian: 32 bits
// of address, 32 of time in microseconds. Bits of an address: 0 polarity, 1-7 x, 8-14 y.
// https://docs.inivation.com/software/software-advanced-usage/file-formats/aedat-2.0.html
//
// Addresses with bit 15 or 31 are triggers and marks, not pixels, and are left out. The counter of
// time starts again at 0 after 2^32 us (71.6 min); a fall by more than half of that is taken for
// such a start, and time goes on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "ranvier/data/events/events.h"
#include "ranvier/data/formats/read_options.h"

namespace ranvier {

/// Where the pixel of an address lies in the picture.
enum class Aedat2Pixels {
  as_stored,  ///< x and y as in the address, rows counted from below; polarity 1 is ON
  /// x' = 127 - y, y' = 127 - x, polarity 1 is OFF: as dat2mat.m of MNIST-DVS's authors reads them,
  /// and SpikingJelly CIFAR10-DVS.
  as_dat2mat,
};

struct Aedat2Options {
  ReadOptions read = {};
  /// What the format says; data sets know better.
  Aedat2Pixels pixels = Aedat2Pixels::as_stored;
};

/// Reads a recording of 128x128x2. Errors: the file cannot be read, is of another version, ends
/// within its header or an event, holds addresses of another camera, or its times run backwards
/// where that is not accepted.
Recording read_aedat2(const std::filesystem::path& path, const Aedat2Options& options = {});

/// As `read_aedat2`, from the content of a file; `name` stands for the file in error texts.
Recording parse_aedat2(std::span<const std::uint8_t> content, const std::string& name,
                       const Aedat2Options& options = {});

/// The content of a file with these events. Errors: events that are not in the order of time, or
/// outside their sensor; a time not in [0, 2^32) us; a sensor of more than 128 x 128 pixels.
std::vector<std::uint8_t> encode_aedat2(const Recording& recording,
                                        Aedat2Pixels pixels = Aedat2Pixels::as_stored);

}  // namespace ranvier
