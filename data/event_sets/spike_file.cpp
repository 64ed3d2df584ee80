#include "ranvier/data/event_sets/spike_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "ranvier/data/detail/h5/dataset.h"
#include "ranvier/data/detail/plain_file.h"
#include "ranvier/data/event_sets/detail/spike_columns.h"
#include "ranvier/data/formats/detail/reading.h"

namespace ranvier {
namespace {

namespace h5 = detail::h5;

constexpr const char* reader = "spikes";
constexpr std::int64_t shd_channels = 700, most_channels = 32768;
constexpr std::uint64_t most_classes = 1 << 16, longest_class_name = 256;

/// A number for each spike of each sample.
struct Column {
  std::string name;
  h5::NumberType type;
  std::vector<h5::HeapReference> samples;

  std::uint64_t bytes(std::size_t sample) const {
    return std::uint64_t{samples[sample].length} * type.size;
  }
};

class SpikeFile final : public Recordings {
 public:
  SpikeFile(std::string name, detail::ReadableFile file, const SpikeFileOptions& options)
      : name_(std::move(name)),
        options_(options),
        identity_(fmt::format("spike file 1, {}, {} channels, order {}", file.identity(),
                              options.channels, static_cast<int>(options.read.order))),
        source_(reader, detail::plain_file(reader, std::move(file), options.read.max_bytes)) {
    const std::uint64_t root = h5::read_superblock(source_);
    times_ = read_column(root, "spikes/times");
    units_ = read_column(root, "spikes/units");
    labels_ = h5::whole_numbers(source_, read_list(root, "labels"));
    require_as_long(times_.samples.size(), "spikes/units", units_.samples.size());
    require_as_long(times_.samples.size(), "labels", labels_.size());
    if (labels_.empty()) source_.fail_file("there are no samples in it");
    read_classes(root);
    sensor_.width = options.channels == 0 ? read_channels(root) : options.channels;
  }

  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  const Sensor& sensor() const override { return sensor_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int64_t label(std::int64_t index) const override { return labels_[checked(index)]; }
  bool checks_events() const override { return true; }
  std::string identity() const override { return identity_; }

  void read(std::int64_t index, Events& events) const override {
    const std::size_t sample = checked(index);
    const std::uint32_t count = times_.samples[sample].length;
    if (units_.samples[sample].length != count)
      fail_sample(sample, fmt::format("has {} times and {} units; they must be as many", count,
                                      units_.samples[sample].length));
    // Both pieces are known to be in the file before memory is taken.
    const h5::Piece times = locate(times_, sample), units = locate(units_, sample);
    events.resize(count);
    read_numbers(times_, times, [&](const std::uint8_t* numbers, std::size_t first, std::size_t n) {
      const std::size_t good = detail::to_microseconds(times_.type, numbers, n, &events.t[first]);
      if (good < n) fail_time(sample, first + good, detail::number_at(times_.type, numbers, good));
    });
    read_numbers(units_, units, [&](const std::uint8_t* numbers, std::size_t first, std::size_t n) {
      const std::size_t good =
          detail::to_channels(units_.type, numbers, n, sensor_.width, &events.x[first]);
      if (good < n) fail_unit(sample, first + good, detail::number_at(units_.type, numbers, good));
    });
    std::fill(events.y.begin(), events.y.end(), std::int16_t{0});
    std::fill(events.p.begin(), events.p.end(), std::uint8_t{1});
    if (!in_time_order(events)) mend_order(sample, events);
  }

 private:
  h5::List read_list(std::uint64_t root, const std::string& path) const {
    // No sample takes less than a byte: what claims more is damaged.
    return h5::read_list(source_, h5::find_object(source_, root, path), path, source_.size());
  }

  Column read_column(std::uint64_t root, const std::string& path) const {
    const h5::List list = read_list(root, path);
    if (list.type.kind != h5::TypeKind::sequence)
      source_.fail_file(path + " must hold a sequence of numbers for each sample");
    return {.name = path, .type = list.type.number, .samples = h5::references(list)};
  }

  std::int64_t read_channels(std::uint64_t root) const {
    h5::Object object;
    if (!h5::find_object(source_, root, "extra/channels", object)) return shd_channels;
    const auto channels =
        h5::whole_numbers(source_, h5::read_list(source_, object, "extra/channels", 1));
    if (channels.empty() || channels[0] < 1 || channels[0] > most_channels)
      source_.fail_file(fmt::format("extra/channels must be a number in [1, {}]", most_channels));
    return channels[0];
  }

  void require_as_long(std::size_t times, const char* list, std::size_t length) const {
    if (length != times)
      source_.fail_file(fmt::format("{} has {} samples and spikes/times {}; they must be as many",
                                    list, length, times));
  }

  void read_classes(std::uint64_t root) {
    const auto [least, most] = std::minmax_element(labels_.begin(), labels_.end());
    h5::Object keys;
    if (h5::find_object(source_, root, "extra/keys", keys)) {
      classes_ = h5::texts(source_, h5::read_list(source_, keys, "extra/keys", most_classes),
                           longest_class_name);
    } else if (*most < static_cast<std::int64_t>(most_classes)) {
      for (std::int64_t i = 0; i <= *most; ++i) classes_.push_back(std::to_string(i));
    }
    const auto count = static_cast<std::int64_t>(classes_.size());
    for (const auto& wrong : {most, least})
      if (*wrong < 0 || *wrong >= count)
        fail_sample(static_cast<std::size_t>(wrong - labels_.begin()),
                    fmt::format("has the label {}; there are {} classes", *wrong, count));
  }

  std::size_t checked(std::int64_t index) const {
    RV_CHECK(index >= 0 && index < size(), "[{}] sample {} is out of range; there are {}.", name_,
             index, size());
    return static_cast<std::size_t>(index);
  }

  h5::Piece locate(const Column& column, std::size_t sample) const {
    return h5::locate(source_, column.samples[sample], column.bytes(sample), column.name,
                      static_cast<std::int64_t>(sample));
  }

  /// Calls `use(numbers, first, n)` with the numbers first, ..., first + n - 1 for all of `piece`.
  template <class Use>
  void read_numbers(const Column& column, const h5::Piece& piece, Use&& use) const {
    std::array<std::uint8_t, std::size_t{1} << 15> buffer;
    for (std::uint64_t done = 0; done < piece.length; done += buffer.size()) {
      const auto block =
          std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), piece.length - done));
      source_.read(column.name.c_str(), piece.address + done, block);
      h5::to_machine_order(column.type, block);
      use(block.data(), done / column.type.size, block.size() / column.type.size);
    }
  }

  void mend_order(std::size_t sample, Events& events) const {
    Recording recording{sensor_, std::move(events)};
    detail::finish_recording(
        recording, {reader, fmt::format("{}: sample {}", source_.name(), sample)}, options_.read);
    events = std::move(recording.events);
  }

  [[noreturn]] void fail_sample(std::size_t sample, const std::string& how) const {
    source_.fail_file(fmt::format("sample {} {}", sample, how));
  }
  [[noreturn]] void fail_time(std::size_t sample, std::size_t spike, double seconds) const {
    fail_sample(sample, fmt::format("has spike {} at {} s; times must be in [0, {:g}]", spike,
                                    seconds, detail::latest_seconds));
  }
  [[noreturn]] void fail_unit(std::size_t sample, std::size_t spike, double unit) const {
    fail_sample(sample, fmt::format("has spike {} in channel {}; channels must be in [0, {})",
                                    spike, unit, sensor_.width));
  }

  std::string name_;
  SpikeFileOptions options_;
  Sensor sensor_;
  std::string identity_;
  h5::Source source_;
  Column times_, units_;
  std::vector<std::int64_t> labels_;
  std::vector<std::string> classes_;
};

}  // namespace

std::shared_ptr<const Recordings> open_spike_file(const std::string& name,
                                                  const std::filesystem::path& path,
                                                  const SpikeFileOptions& options) {
  RV_CHECK(options.channels >= 0 && options.channels <= most_channels,
           "[{}] channels must be in [1, {}], or 0; got {}.", reader, most_channels,
           options.channels);
  return std::make_shared<SpikeFile>(name, detail::ReadableFile(reader, path), options);
}

}  // namespace ranvier
