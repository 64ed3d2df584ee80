// Labelled recordings, each a file of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "ranvier/data/events/recordings.h"

namespace ranvier::detail {

struct LabelledFile {
  std::string path;        ///< below the set's folder
  std::int64_t label = 0;  ///< index of its class
};

/// Files as recordings; they are read when asked for.
class FileSet final : public Recordings {
 public:
  struct Contents {
    std::string name;  ///< "n-mnist train"
    std::filesystem::path folder;
    std::vector<LabelledFile> files;
    std::vector<std::string> classes;
    Sensor sensor;
    std::function<Recording(const std::filesystem::path&)> read;
    std::string format;  ///< changes when `read` gives other events for the same file
  };

  /// Errors: no `read`; no files.
  explicit FileSet(Contents contents);

  const std::string& name() const override { return contents_.name; }
  std::int64_t size() const override { return static_cast<std::int64_t>(contents_.files.size()); }
  const Sensor& sensor() const override { return contents_.sensor; }
  const std::vector<std::string>& classes() const override { return contents_.classes; }
  std::int64_t label(std::int64_t index) const override { return file(index).label; }
  /// Further error: the file's sensor is not the set's.
  void read(std::int64_t index, Events& events) const override;
  bool checks_events() const override { return true; }
  /// Covers the files' paths, sizes and times. Error: one of them has gone.
  std::string identity() const override;

 private:
  const LabelledFile& file(std::int64_t index) const;

  Contents contents_;
};

/// What `Recordings::identity` says of files: their number, and a checksum of their paths below
/// `folder`, sizes and times of last change.
class FilesIdentity {
 public:
  FilesIdentity(const std::string& set, const std::filesystem::path& folder)
      : set_(set), folder_(folder) {}
  /// Error (io): there is no such file.
  void add(const std::string& path);
  /// "600 files 0123456789abcdef"
  std::string text() const;

 private:
  const std::string& set_;
  const std::filesystem::path& folder_;
  std::int64_t count_ = 0;
  std::uint64_t checksum_ = 0;
};

}  // namespace ranvier::detail
