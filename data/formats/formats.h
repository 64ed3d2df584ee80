// All formats of event recordings in one table: what programs read, write and list.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ranvier/data/events/events.h"
#include "ranvier/data/formats/read_options.h"

namespace ranvier {

/// How a recording is read when its format is found out.
struct ReadEventsOptions {
  ReadOptions read = {};
  /// The sensor, which must hold all events; unset: what the file says, or else what the reader of
  /// the format takes.
  std::optional<Sensor> sensor = {};
  std::string format = {};  ///< name of the format; "": found out from content and extension
};

/// A row of the table.
struct EventFormat {
  std::string_view name;       ///< "evt3"
  std::string_view extension;  ///< ".raw"
  std::string_view about;      ///< "Prophesee EVT 3.0"
  /// True if the content can only be of this format; null if only the extension tells.
  bool (*recognise)(std::span<const std::uint8_t> content);
  Recording (*parse)(std::span<const std::uint8_t> content, const std::string& name,
                     const ReadEventsOptions& options);
  std::vector<std::uint8_t> (*encode)(const Recording& recording);
};

/// The table. Several recordings in one file (SHD's HDF5) are data sets and not in it.
std::span<const EventFormat> event_formats();

/// The row of this name. Error: there is none.
const EventFormat& event_format(std::string_view name);

/// The format of a file: by its extension if the format has no mark of its own (`.bin`), else by
/// its content, else by its extension. Error: neither tells.
const EventFormat& recognise_format(std::span<const std::uint8_t> content,
                                    const std::filesystem::path& path);

/// Reads a recording of any format. Errors: those of its reader; the format is not known.
Recording read_events(const std::filesystem::path& path, const ReadEventsOptions& options = {});

/// Writes a recording; `format` "" is the one of the extension, the first that has it. An existing
/// file is replaced when the new one is complete. Errors: those of the format's writer; the format
/// is not known; the file cannot be written.
void write_events(const std::filesystem::path& path, const Recording& recording,
                  std::string_view format = "");

/// The table as text for `--help`, a line for each format.
std::string list_event_formats();

}  // namespace ranvier
