#include "ranvier/data/event_sets/detail/file_set.h"

#include <fmt/core.h>

#include <utility>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/checksum.h"

namespace ranvier::detail {

namespace fs = std::filesystem;

FileSet::FileSet(Contents contents) : contents_(std::move(contents)) {
  RV_CHECK(contents_.read != nullptr, "[{}] a set of files needs a function that reads them.",
           contents_.name);
  if (contents_.files.empty())
    fail(ErrorCode::io, "[{}] there is no file of it in {}.", contents_.name,
         contents_.folder.string());
}

const LabelledFile& FileSet::file(std::int64_t index) const {
  check_index(*this, index);
  return contents_.files[static_cast<std::size_t>(index)];
}

void FileSet::read(std::int64_t index, Events& events) const {
  const fs::path path = contents_.folder / file(index).path;
  Recording recording = contents_.read(path);
  if (recording.sensor != sensor())
    fail(ErrorCode::format, "[{}] {} comes from a sensor of {}; the set's has {}.", name(),
         path.string(), to_string(recording.sensor), to_string(sensor()));
  events = std::move(recording.events);
}

std::string FileSet::identity() const {
  FilesIdentity files(name(), contents_.folder);
  for (const LabelledFile& file : contents_.files) files.add(file.path);
  return fmt::format("{}, {}, {}", name(), contents_.format, files.text());
}

void FilesIdentity::add(const std::string& path) {
  const fs::path file = folder_ / path;
  std::error_code no_size, no_time;
  const std::uintmax_t size = fs::file_size(file, no_size);
  const fs::file_time_type time = fs::last_write_time(file, no_time);
  if (no_size || no_time)
    fail(ErrorCode::io, "[{}] cannot inspect {}: {}.", set_, file.string(),
         (no_size ? no_size : no_time).message());
  const std::string text = fmt::format("{}\n{} {}\n", path, size, time.time_since_epoch().count());
  checksum_ =
      checksum_of({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, checksum_);
  ++count_;
}

std::string FilesIdentity::text() const {
  return fmt::format("{} files {:016x}", count_, checksum_);
}

}  // namespace ranvier::detail
