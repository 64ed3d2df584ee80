#include "ranvier/data/event_sets/folder_set.h"

#include <fmt/core.h>

#include <utility>

#include "ranvier/data/event_sets/detail/file_set.h"
#include "ranvier/data/event_sets/detail/set_folder.h"

namespace ranvier {

std::shared_ptr<const Recordings> open_folder_set(const DatasetSource& source,
                                                  const FolderSetOptions& options) {
  const detail::SetFolder root(options.name, source.directory, options.advice);
  const std::string split = root.split_folder(source.split);
  std::vector<std::string> classes =
      options.classes.empty() ? root.class_folders() : options.classes;
  std::vector<detail::LabelledFile> files = root.class_files(split, classes, options.extension);
  return std::make_shared<detail::FileSet>(
      detail::FileSet::Contents{.name = fmt::format("{} {}", options.name, name(source.split)),
                                .folder = root.path(),
                                .files = std::move(files),
                                .classes = std::move(classes),
                                .sensor = options.sensor,
                                .read = options.read,
                                .format = options.format});
}

}  // namespace ranvier
