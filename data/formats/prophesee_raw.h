// Prophesee's `.raw` recordings, EVT 2.0 and EVT 3.0: header lines "% key value", then words of 32
// or 16 bits. https://docs.prophesee.ai/stable/data/encoding_formats
//
// Times follow the TIME_HIGH words and continue where these start again at 0 (after 4.8 hours in
// EVT 2.0, 16.8 s in EVT 3.0). Events before the first one have no time and are left out, and so
// are triggers and other words that are not events of pixels.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "ranvier/data/events/events.h"
#include "ranvier/data/formats/read_options.h"

namespace ranvier {

/// Reads a `.raw` file. The sensor is the one its header names ("% format", "% geometry" or the
/// camera's generation), or else the smallest that holds the events. Errors name the word and its
/// byte: a header that names another encoding; a word that is cut or that the encoding does not
/// have; a pixel outside the sensor; too many events for `max_bytes`.
Recording read_evt(const std::filesystem::path& path, const ReadOptions& options = {});

/// As `read_evt`, from the content of a file; `name` stands for the file in error texts.
Recording parse_evt(std::span<const std::uint8_t> content, const std::string& name,
                    const ReadOptions& options = {});

/// The content of an EVT 2.0 or EVT 3.0 file with these events. Errors: events that are not in the
/// order of time; a time outside [0, 2^34) us or a pixel outside 2048 x 2048.
std::vector<std::uint8_t> encode_evt2(const Recording& recording);
std::vector<std::uint8_t> encode_evt3(const Recording& recording);

}  // namespace ranvier
