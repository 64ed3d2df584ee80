// Events as text: a line "t,x,y,p" for each, t in microseconds, p 1 for ON and 0 or -1 for OFF.
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

struct CsvOptions {
  ReadOptions read = {};
  std::optional<Sensor> sensor = {};  ///< unset: the smallest that holds the events
};

/// Reads events as text. The first line may name the columns, t, x, y and p in any order; y and p
/// may be absent (0, ON). Without it they are t, x, y, p. Errors name the line and its byte: a
/// value that is no integer, or too few or too many; an event outside the sensor.
Recording read_csv(const std::filesystem::path& path, const CsvOptions& options = {});

/// As `read_csv`, from the content of a file; `name` stands for the file in error texts.
Recording parse_csv(std::span<const std::uint8_t> content, const std::string& name,
                    const CsvOptions& options = {});

/// A line "t,x,y,p", then one for each event. Errors: events that are not in the order of time or
/// outside the sensor.
std::vector<std::uint8_t> encode_csv(const Recording& recording);

}  // namespace ranvier
