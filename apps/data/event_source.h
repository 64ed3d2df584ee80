// Recordings by the name of a file or folder, whatever their format.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ranvier/data/events/recordings.h"
#include "ranvier/data/formats/formats.h"

namespace CLI {
class App;
}

namespace ranvier::apps {

/// How recordings are read.
struct SourceOptions {
  std::string format = {};  ///< name in the table of formats; "": found out
  std::string sensor = {};  ///< "34x34x2", "128x128", "700"; "": what the file or format says
  std::string time_order =
      "sort";  ///< "sort" or "reject": what happens to times that run backwards
  std::optional<std::int64_t> sample = {};  ///< this one alone; else all
  bool skip_bad = false;
};

/// Adds `--format`, `--sensor`, `--time-order` and `--sample`; `--skip-bad` where `many` are read.
void add_source_options(CLI::App& app, SourceOptions& options, bool many);

/// "34x34x2" as a sensor; without polarities 2 are taken for pixels and 1 for channels. Error: it
/// is something else.
Sensor parse_sensor(const std::string& text);

/// Where a recording of a source is.
struct SourceEntry {
  std::filesystem::path file;
  std::int64_t index = -1;      ///< within a file of several; -1: it is all of its file
  std::string class_name = {};  ///< what its file or its folder calls its class

  /// "Train/0/00012.bin", "test.h5 sample 17"
  std::string name() const;
};

/// What was read, and how.
struct SourceRecording {
  Recording recording;
  std::string format;  ///< name in the table of formats, or "hdf5"
};

/// The recordings of a file or, in the order of their paths, of all files of a folder and its
/// folders whose extension is that of a format. Of text files only those whose format is asked for:
/// others in folders of recordings are lists and notes.
class EventSource {
 public:
  /// Errors: there is no such file or folder; none of its files is known; it has no sample
  /// `options.sample`; those of `open_spike_file`.
  EventSource(const std::filesystem::path& path, const SourceOptions& options);

  const std::vector<SourceEntry>& entries() const { return entries_; }
  /// Names of the classes, in the order of labels: those of a file of spike trains, or the names of
  /// the folders that hold the files.
  std::vector<std::string> classes() const;
  /// Errors: those of its reader, which name the file.
  SourceRecording read(const SourceEntry& entry) const;

 private:
  void add(const std::filesystem::path& file);
  void add_folder(const std::filesystem::path& folder);

  SourceOptions options_;
  ReadEventsOptions read_;
  std::vector<SourceEntry> entries_;
  std::map<std::filesystem::path, std::shared_ptr<const Recordings>> spike_files_;
};

/// True for a file of spike trains in HDF5, by its name: .h5, .hdf5, with or without .gz.
bool is_spike_file(const std::filesystem::path& path);

}  // namespace ranvier::apps
