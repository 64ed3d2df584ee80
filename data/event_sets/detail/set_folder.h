// Finding the files of a data set, or saying what was looked for.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ranvier/data/event_sets/detail/file_set.h"
#include "ranvier/data/split.h"

namespace ranvier::detail {

/// The folder of a data set. Names in it are relative to it; lists are sorted by the bytes of the
/// names, without those that begin with a dot. Errors (io) begin with the set's name and end with
/// `advice`.
class SetFolder {
 public:
  /// `directory`, or the first of its sub-folders `nested` that exists, as other programs unpack
  /// the set. Errors: `directory` is empty or no folder.
  SetFolder(std::string set, const std::filesystem::path& directory, std::string advice,
            const std::vector<std::string>& nested = {});

  const std::filesystem::path& path() const { return path_; }
  /// "train" or "Train", whichever there is. Error: neither.
  std::string split_folder(Split split) const;
  /// The folders in those of all splits, so that a class has the same label in each. Error: there
  /// is none.
  std::vector<std::string> class_folders() const;
  /// The files of each class in `folder`/`class` whose names end with `extension`, by class, then
  /// by name. Errors: no folder of a class; no files at all.
  std::vector<LabelledFile> class_files(const std::string& folder,
                                        const std::vector<std::string>& classes,
                                        const std::string& extension) const;
  /// `file`. Error: there is no such file; `why` says who wants it, or is "".
  std::filesystem::path existing(const std::string& file, const std::string& why) const;

 private:
  /// As `split_folder`, or "" if there is neither.
  std::string find_split(Split split) const;
  [[noreturn]] void fail_missing(const std::string& what, const std::filesystem::path& where) const;

  std::string set_, advice_;
  std::filesystem::path path_;
};

}  // namespace ranvier::detail
