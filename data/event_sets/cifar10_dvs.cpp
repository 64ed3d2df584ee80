#include "ranvier/data/event_sets/cifar10_dvs.h"

#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "ranvier/core/error.h"
#include "ranvier/data/event_sets/detail/file_set.h"
#include "ranvier/data/event_sets/detail/set_folder.h"

namespace ranvier {
namespace {

constexpr const char* set = "cifar10-dvs";
const std::vector<std::string> classes = {"airplane", "automobile", "bird",  "cat",  "deer",
                                          "dog",      "frog",       "horse", "ship", "truck"};

/// Of files sorted by class: of each class those of the split.
std::vector<detail::LabelledFile> part_of(const std::vector<detail::LabelledFile>& files,
                                          Split split) {
  std::vector<detail::LabelledFile> part;
  for (auto first = files.begin(); first != files.end();) {
    const auto last = std::find_if(first, files.end(), [&](const detail::LabelledFile& file) {
      return file.label != first->label;
    });
    const auto middle = first + ((last - first) * 9 + 9) / 10;
    if (split == Split::train)
      part.insert(part.end(), first, middle);
    else
      part.insert(part.end(), middle, last);
    first = last;
  }
  return part;
}

Recording read(const std::filesystem::path& path, Aedat2Pixels pixels) {
  Recording recording = read_aedat2(path, {.pixels = pixels});
  std::vector<std::int64_t>& t = recording.events.t;
  const std::int64_t first = t.empty() ? 0 : t.front();
  for (std::int64_t& time : t) time -= first;
  return recording;
}

}  // namespace

std::shared_ptr<const Recordings> open_cifar10_dvs(const DatasetSource& source,
                                                   const Cifar10DvsOptions& options) {
  RV_CHECK(source.split != Split::valid, "[{}] there is no split for validation.", set);
  const detail::SetFolder root(
      set, source.directory,
      "Get the ten zip files of CIFAR10-DVS from doi.org/10.6084/m9.figshare.4724671, unpack them, "
      "and name their folder with --data-dir.",
      {"CIFAR10DVS", "extract"});
  std::vector<detail::LabelledFile> files =
      part_of(root.class_files("", classes, ".aedat"), source.split);
  const auto pixels = options.pixels;
  return std::make_shared<detail::FileSet>(detail::FileSet::Contents{
      .name = fmt::format("{} {}", set, name(source.split)),
      .folder = root.path(),
      .files = std::move(files),
      .classes = classes,
      .sensor = {128, 128, 2},
      .read = [pixels](const std::filesystem::path& path) { return read(path, pixels); },
      .format = fmt::format("aedat2 1, pixels {}, from 0", static_cast<int>(pixels))});
}

}  // namespace ranvier
