// Labelled recordings in folders `<split>/<class>/<file>`, as most sets of sensor files come.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ranvier/data/events/recordings.h"
#include "ranvier/data/split.h"

namespace ranvier {

/// What is in the folders.
struct FolderSetOptions {
  std::string name;       ///< "n-mnist": begins error texts
  std::string extension;  ///< of the files that count: ".bin"
  Sensor sensor;          ///< of every file
  /// What a file holds; may be called by several threads at once. Its errors name the file.
  std::function<Recording(const std::filesystem::path&)> read;
  std::string format;  ///< changes when `read` gives other events for the same file: "atis 1"
  /// Folders of the classes, in the order of the labels. Empty: those of all splits, by name.
  std::vector<std::string> classes = {};
  std::string advice = {};  ///< where to get the data: a sentence for error texts
};

/// Lists the files of a split, by class and then by name; they are read when asked for. The folder
/// of a split is called train, valid or test, or Train, Valid or Test. Errors: no directory named;
/// no folder of the split or of a class; no files in them; no `read`; when a recording is read,
/// those of its reader, and a sensor that is not the set's.
std::shared_ptr<const Recordings> open_folder_set(const DatasetSource& source,
                                                  const FolderSetOptions& options);

}  // namespace ranvier
