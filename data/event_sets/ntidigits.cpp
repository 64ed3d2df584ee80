#include "ranvier/data/event_sets/ntidigits.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "ranvier/data/detail/h5/dataset.h"
#include "ranvier/data/detail/plain_file.h"
#include "ranvier/data/event_sets/detail/spike_columns.h"
#include "ranvier/data/formats/detail/reading.h"

namespace ranvier {
namespace {

namespace h5 = detail::h5;

constexpr const char* reader = "ntidigits";
constexpr std::uint64_t most_recordings = 1 << 20, longest_text = 256;
const std::string digits = "o123456789z";

class NTidigits final : public Recordings {
 public:
  NTidigits(Split split, detail::ReadableFile file, const ReadOptions& options)
      : name_(fmt::format("{} {}", reader, ranvier::name(split))),
        options_(options),
        identity_(fmt::format("N-TIDIGITS 1, {}, {}, order {}", ranvier::name(split),
                              file.identity(), static_cast<int>(options.order))),
        source_(reader, detail::plain_file(reader, std::move(file), options.max_bytes)) {
    for (const char digit : digits) classes_.emplace_back(1, digit);
    const std::uint64_t root = h5::read_superblock(source_);
    const std::string prefix(ranvier::name(split)), list = prefix + "_labels";
    const auto links_of = [&](const std::string& group) {
      return h5::read_links(source_, h5::find_object(source_, root, group));
    };
    const h5::Links times = links_of(prefix + "_timestamps"),
                    units = links_of(prefix + "_addresses");
    for (const std::string& text : h5::texts(
             source_,
             h5::read_list(source_, h5::find_object(source_, root, list), list, most_recordings),
             longest_text)) {
      const std::string spoken = text.substr(text.rfind('-') + 1);
      if (spoken.size() != 1) continue;
      const std::size_t digit = digits.find(spoken);
      if (digit == std::string::npos)
        source_.fail_file(
            fmt::format("{} has {}, which ends in no digit of {}", list, text, digits));
      samples_.push_back({.text = text,
                          .label = static_cast<std::int64_t>(digit),
                          .times = address_of(times, prefix + "_timestamps", text),
                          .units = address_of(units, prefix + "_addresses", text)});
    }
    if (samples_.empty()) source_.fail_file(list + " has no recording of a single digit");
  }

  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(samples_.size()); }
  const Sensor& sensor() const override { return sensor_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int64_t label(std::int64_t index) const override { return at(index).label; }
  bool checks_events() const override { return true; }
  std::string identity() const override { return identity_; }

  void read(std::int64_t index, Events& events) const override {
    const Sample& sample = at(index);
    const h5::List times = read_numbers(sample.times, "timestamps of " + sample.text);
    const h5::List units = read_numbers(sample.units, "addresses of " + sample.text);
    if (times.count != units.count)
      source_.fail_file(fmt::format("{} has {} timestamps and {} addresses; they must be as many",
                                    sample.text, times.count, units.count));
    const std::size_t count = times.count;
    Recording recording{sensor_, std::move(events)};
    recording.events.resize(static_cast<std::int64_t>(count));
    require_good(times, detail::to_microseconds(times.type.number, times.bytes.data(), count,
                                                recording.events.t.data()));
    require_good(units, detail::to_channels(units.type.number, units.bytes.data(), count,
                                            sensor_.width, recording.events.x.data()));
    std::fill(recording.events.y.begin(), recording.events.y.end(), std::int16_t{0});
    std::fill(recording.events.p.begin(), recording.events.p.end(), std::uint8_t{1});
    detail::finish_recording(
        recording, {reader, fmt::format("{}: {}", source_.name(), sample.text)}, options_);
    events = std::move(recording.events);
  }

 private:
  struct Sample {
    std::string text;
    std::int64_t label;
    std::uint64_t times, units;  // addresses of data sets
  };

  std::uint64_t address_of(const h5::Links& links, const std::string& group,
                           const std::string& text) const {
    const auto link = links.find(text);
    if (link == links.end()) source_.fail_file(fmt::format("there is no {}/{}", group, text));
    return link->second;
  }

  const Sample& at(std::int64_t index) const {
    RV_CHECK(index >= 0 && index < size(), "[{}] recording {} is out of range; there are {}.",
             name_, index, size());
    return samples_[static_cast<std::size_t>(index)];
  }

  h5::List read_numbers(std::uint64_t address, const std::string& what) const {
    h5::List list = h5::read_list(source_, h5::read_object(source_, address), what, source_.size());
    if (list.type.kind != h5::TypeKind::number) source_.fail_file(what + " must be numbers");
    h5::to_machine_order(list.type.number, list.bytes);
    return list;
  }

  void require_good(const h5::List& list, std::size_t good) const {
    if (good < list.count)
      source_.fail_file(fmt::format(
          "number {} of the {} is {}; times must be in [0, {:g}] s and channels in [0, {})", good,
          list.name, detail::number_at(list.type.number, list.bytes.data(), good),
          detail::latest_seconds, sensor_.width));
  }

  std::string name_;
  ReadOptions options_;
  Sensor sensor_{.width = 64};
  std::string identity_;
  h5::Source source_;
  std::vector<std::string> classes_;
  std::vector<Sample> samples_;
};

}  // namespace

std::shared_ptr<const Recordings> load_ntidigits(const DatasetSource& source,
                                                 const ReadOptions& options) {
  RV_CHECK(source.split != Split::valid, "[{}] the split must be train or test; got valid.",
           reader);
  const std::filesystem::path folder =
      source.directory.empty() ? std::filesystem::path(".") : source.directory;
  const std::filesystem::path file = detail::find_file(folder, "n-tidigits.hdf5");
  if (file.empty())
    fail(ErrorCode::io,
         "[{}] there is no n-tidigits.hdf5 or n-tidigits.hdf5.gz in {}. Get it where its authors "
         "publish it (sensors.ini.ch/databases), and name its folder with --data-dir.",
         reader, folder.string());
  return std::make_shared<NTidigits>(source.split, detail::ReadableFile(reader, file), options);
}

}  // namespace ranvier
