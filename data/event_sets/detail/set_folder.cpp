#include "ranvier/data/event_sets/detail/set_folder.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <utility>

#include "ranvier/core/error.h"

namespace ranvier::detail {
namespace {

namespace fs = std::filesystem;

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

/// Names of what lies in `folder`, is not hidden and `accept`s, sorted.
template <class Accept>
std::vector<std::string> names_in(const std::string& set, const fs::path& folder, Accept&& accept) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with('.') && accept(*entry)) names.push_back(name);
  }
  if (error) fail(ErrorCode::io, "[{}] cannot list {}: {}.", set, folder.string(), error.message());
  std::sort(names.begin(), names.end());
  return names;
}

/// "train", "Train"
std::array<std::string, 2> split_names(Split split) {
  const std::string small(name(split));
  std::string capital = small;
  capital[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(capital[0])));
  return {small, capital};
}

}  // namespace

SetFolder::SetFolder(std::string set, const fs::path& directory, std::string advice,
                     const std::vector<std::string>& nested)
    : set_(std::move(set)), advice_(std::move(advice)), path_(directory) {
  if (directory.empty())
    fail(ErrorCode::io, "[{}] no folder of its files is named. {}", set_, advice_);
  if (!is_folder(directory))
    fail(ErrorCode::io, "[{}] there is no folder {}. {}", set_, directory.string(), advice_);
  for (const std::string& folder : nested) {
    if (!is_folder(directory / folder)) continue;
    path_ = directory / folder;
    return;
  }
}

void SetFolder::fail_missing(const std::string& what, const fs::path& where) const {
  fail(ErrorCode::io, "[{}] there is no {} in {}. {}", set_, what, where.string(), advice_);
}

std::string SetFolder::find_split(Split split) const {
  for (const std::string& folder : split_names(split))
    if (is_folder(path_ / folder)) return folder;
  return {};
}

std::string SetFolder::split_folder(Split split) const {
  const std::string folder = find_split(split);
  const auto [small, capital] = split_names(split);
  if (folder.empty()) fail_missing(fmt::format("folder {} or {}", small, capital), path_);
  return folder;
}

std::vector<std::string> SetFolder::class_folders() const {
  std::set<std::string> classes;
  for (const Split split : {Split::train, Split::valid, Split::test}) {
    const std::string folder = find_split(split);
    if (folder.empty()) continue;
    const auto names = names_in(set_, path_ / folder, [](const fs::directory_entry& entry) {
      std::error_code ignored;
      return entry.is_directory(ignored);
    });
    classes.insert(names.begin(), names.end());
  }
  if (classes.empty()) fail_missing("folder of a class in those of the splits", path_);
  return {classes.begin(), classes.end()};
}

std::vector<LabelledFile> SetFolder::class_files(const std::string& folder,
                                                 const std::vector<std::string>& classes,
                                                 const std::string& extension) const {
  const fs::path parent = folder;
  std::vector<LabelledFile> files;
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const fs::path below = parent / classes[label];
    if (!is_folder(path_ / below))
      fail_missing(fmt::format("folder {}", classes[label]), path_ / parent);
    const std::vector<std::string> names =
        names_in(set_, path_ / below, [&](const fs::directory_entry& entry) {
          std::error_code ignored;
          return entry.path().filename().string().ends_with(extension) &&
                 entry.is_regular_file(ignored);
        });
    for (const std::string& name : names)
      files.push_back({(below / name).string(), static_cast<std::int64_t>(label)});
  }
  if (files.empty())
    fail_missing(fmt::format("file *{} in any folder of a class", extension), path_ / parent);
  return files;
}

fs::path SetFolder::existing(const std::string& file, const std::string& why) const {
  std::error_code ignored;
  if (!fs::is_regular_file(path_ / file, ignored)) fail_missing(file + why, path_);
  return path_ / file;
}

}  // namespace ranvier::detail
