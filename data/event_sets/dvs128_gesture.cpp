#include "ranvier/data/event_sets/dvs128_gesture.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/file.h"
#include "ranvier/data/event_sets/detail/file_set.h"
#include "ranvier/data/event_sets/detail/set_folder.h"
#include "ranvier/data/formats/detail/aedat3_file.h"

namespace ranvier {
namespace {

constexpr const char* set = "dvs128-gesture";
constexpr std::int64_t most_text_bytes = 1 << 20;
constexpr Sensor dvs128{128, 128, 2};

/// In the order of the numbers 1 to 11 in the tables.
const std::vector<std::string> gestures = {"hand clapping",
                                           "right hand wave",
                                           "left hand wave",
                                           "right arm clockwise",
                                           "right arm counter clockwise",
                                           "left arm clockwise",
                                           "left arm counter clockwise",
                                           "arm roll",
                                           "air drums",
                                           "air guitar",
                                           "other gestures"};

/// The lines of a text file, without white space at their ends.
std::vector<std::string> lines_of(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> content = detail::read_file(set, path, most_text_bytes);
  const std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::string_view line = text.substr(begin, text.find('\n', begin) - begin);
    begin += line.size() + 1;
    lines.emplace_back(line.substr(0, line.find_last_not_of(" \t\r") + 1));
  }
  return lines;
}

/// A line of a table.
struct Gesture {
  std::size_t file;
  std::int64_t label, begin, end;
};

/// "3,95938861,103200075"
Gesture parse_gesture(std::string_view line, std::size_t number, const std::string& table) {
  std::array<std::int64_t, 3> values{};
  std::string_view rest = line;
  bool right = true;
  for (std::size_t i = 0; right && i < values.size(); ++i) {
    const bool last = i + 1 == values.size();
    const std::string_view cell = rest.substr(0, last ? rest.npos : rest.find(','));
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), values[i]);
    right = error == std::errc() && end == cell.data() + cell.size();
    rest.remove_prefix(std::min(rest.size(), cell.size() + 1));
  }
  const auto classes = static_cast<std::int64_t>(gestures.size());
  if (!right || values[0] < 1 || values[0] > classes || values[1] < 0 || values[1] > values[2] ||
      values[2] > max_time)
    fail(ErrorCode::format,
         "[{}] {}: line {} is \"{}\"; it must be a class from 1 to {}, the first and the last "
         "microsecond, with commas between them.",
         set, table, number + 1, line.substr(0, 80), classes);
  return {.file = 0, .label = values[0] - 1, .begin = values[1], .end = values[2]};
}

class GestureSet final : public Recordings {
 public:
  GestureSet(const detail::SetFolder& root, Split split)
      : name_(fmt::format("{} {}", set, ranvier::name(split))),
        folder_(root.path()),
        list_(fmt::format("trials_to_{}.txt", ranvier::name(split))) {
    for (const std::string& trial : lines_of(root.existing(list_, "")))
      if (!trial.empty()) add_trial(root, trial);
    if (gestures_.empty())
      fail(ErrorCode::format, "[{}] {} names no gestures.", set, (folder_ / list_).string());
  }

  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(gestures_.size()); }
  const Sensor& sensor() const override { return dvs128; }
  const std::vector<std::string>& classes() const override { return gestures; }
  std::int64_t label(std::int64_t index) const override { return gesture(index).label; }
  void read(std::int64_t index, Events& events) const override {
    const Gesture& wanted = gesture(index);
    files_[wanted.file]->read(wanted.begin, wanted.end, events);
  }
  bool checks_events() const override { return true; }
  std::string identity() const override {
    detail::FilesIdentity files(name_, folder_);
    files.add(list_);
    for (const std::string& stem : stems_)
      for (const char* suffix : {".aedat", "_labels.csv"}) files.add(stem + suffix);
    return fmt::format("{}, aedat3 1, {}", name_, files.text());
  }

 private:
  /// `trial`: "user01_led.aedat"
  void add_trial(const detail::SetFolder& root, const std::string& trial) {
    const std::string why = fmt::format(" (named in {})", list_);
    const std::string stem = trial.substr(0, trial.rfind('.'));
    const std::filesystem::path table = root.existing(stem + "_labels.csv", why);
    files_.push_back(
        std::make_unique<detail::Aedat3File>(root.existing(stem + ".aedat", why), dvs128));
    stems_.push_back(stem);
    const std::vector<std::string> lines = lines_of(table);
    for (std::size_t i = 1; i < lines.size(); ++i) {  // after the names of the columns
      if (lines[i].empty()) continue;
      gestures_.push_back(parse_gesture(lines[i], i, table.string()));
      gestures_.back().file = files_.size() - 1;
    }
  }
  const Gesture& gesture(std::int64_t index) const {
    check_index(*this, index);
    return gestures_[static_cast<std::size_t>(index)];
  }

  std::string name_;
  std::filesystem::path folder_;
  std::string list_;
  std::vector<std::unique_ptr<detail::Aedat3File>> files_;
  std::vector<std::string> stems_;
  std::vector<Gesture> gestures_;
};

}  // namespace

std::shared_ptr<const Recordings> open_dvs128_gesture(const DatasetSource& source) {
  RV_CHECK(source.split != Split::valid, "[{}] there is no split for validation.", set);
  return std::make_shared<GestureSet>(
      detail::SetFolder(
          set, source.directory,
          "Get DvsGesture.tar.gz from research.ibm.com/interactive/dvsgesture, unpack it, and name "
          "its folder with --data-dir.",
          {"DvsGesture", "extract/DvsGesture"}),
      source.split);
}

}  // namespace ranvier
