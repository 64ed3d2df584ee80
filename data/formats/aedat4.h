// AEDAT 4.0 recordings (`.aedat4`), as inivation's DV writes them: a line "#!AER-DAT4.0", a header
// that tells which streams there are, then packets of a stream's events, frames, ... as
// flatbuffers, plain or packed with LZ4 or Zstandard.
// https://docs.inivation.com/software/software-advanced-usage/file-formats/aedat-4.0.html
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "ranvier/data/events/events.h"
#include "ranvier/data/formats/read_options.h"

namespace ranvier {

/// Reads the events of an AEDAT 4.0 file; streams of other kinds are passed over. The sensor is the
/// one the header names, or else the smallest that holds the events. Errors name the packet and its
/// byte: a packet that is cut or damaged, an event outside the sensor, contents larger than
/// `max_bytes`, events of two streams.
Recording read_aedat4(const std::filesystem::path& path, const ReadOptions& options = {});

/// As `read_aedat4`, from the content of a file; `name` stands for the file in error texts.
Recording parse_aedat4(std::span<const std::uint8_t> content, const std::string& name,
                       const ReadOptions& options = {});

/// How packets are packed.
enum class Aedat4Packing : std::int32_t { none = 0, lz4 = 1, zstd = 3 };

/// The content of an AEDAT 4.0 file with these events as stream 0. Errors: events that are not in
/// the order of time or outside the sensor.
std::vector<std::uint8_t> encode_aedat4(const Recording& recording,
                                        Aedat4Packing packing = Aedat4Packing::lz4);

}  // namespace ranvier
