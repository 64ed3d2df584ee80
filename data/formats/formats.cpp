#include "ranvier/data/formats/formats.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/file.h"
#include "ranvier/data/detail/replacement.h"
#include "ranvier/data/formats/aedat2.h"
#include "ranvier/data/formats/aedat3.h"
#include "ranvier/data/formats/aedat4.h"
#include "ranvier/data/formats/atis.h"
#include "ranvier/data/formats/csv.h"
#include "ranvier/data/formats/detail/prophesee_header.h"
#include "ranvier/data/formats/npz.h"
#include "ranvier/data/formats/prophesee_dat.h"
#include "ranvier/data/formats/prophesee_raw.h"
#include "ranvier/data/formats/slayer.h"

namespace ranvier {
namespace {

using Content = std::span<const std::uint8_t>;

bool starts_with(Content content, std::string_view text) {
  return std::string_view(reinterpret_cast<const char*>(content.data()), content.size())
      .starts_with(text);
}

/// True for a `.raw` file of this encoding.
bool is_evt(Content content, std::string_view version, std::string_view format) {
  const detail::PropheseeHeader header(content);
  return header.value("evt") == version || header.value("format").starts_with(format);
}

/// True for a Prophesee file that names no encoding, as `.raw` files do.
bool is_dat(Content content) {
  const detail::PropheseeHeader header(content);
  return header.size() > 0 && header.value("evt").empty() && header.value("format").empty();
}

template <class Options, auto parse>
Recording parse_with_sensor(Content content, const std::string& name,
                            const ReadEventsOptions& options) {
  Options own{.read = options.read};
  if (options.sensor) own.sensor = *options.sensor;
  return parse(content, name, own);
}

/// What a file says of its sensor gives way to what was asked for, if that holds all events.
Recording of_sensor(Recording recording, const std::string& name,
                    const std::optional<Sensor>& sensor) {
  if (!sensor || *sensor == recording.sensor) return recording;
  const std::int64_t outside = first_outside(recording.events, *sensor);
  if (outside >= 0)
    fail(ErrorCode::format, "[events] {}: event {} lies outside the sensor of {}.", name, outside,
         to_string(*sensor));
  if (sensor->polarities != recording.sensor.polarities)
    fail(ErrorCode::format, "[events] {}: its events have {} polarities; those of {} have {}.",
         name, recording.sensor.polarities, to_string(*sensor), sensor->polarities);
  recording.sensor = *sensor;
  return recording;
}

template <auto parse>
Recording parse_plain(Content content, const std::string& name, const ReadEventsOptions& options) {
  return of_sensor(parse(content, name, options.read), name, options.sensor);
}

constexpr EventFormat formats[] = {
    {"evt3", ".raw", "Prophesee EVT 3.0",
     [](Content content) { return is_evt(content, "3.0", "EVT3"); }, parse_plain<parse_evt>,
     encode_evt3},
    {"evt2", ".raw", "Prophesee EVT 2.0",
     [](Content content) { return is_evt(content, "2.0", "EVT2;"); }, parse_plain<parse_evt>,
     encode_evt2},
    {"dat", ".dat", "Prophesee and ATIS events of 8 bytes, as in N-CARS", is_dat,
     parse_with_sensor<DatOptions, parse_dat>, encode_dat},
    {"aedat4", ".aedat4", "AEDAT 4.0, as DV writes it",
     [](Content content) { return starts_with(content, "#!AER-DAT4.0"); },
     parse_plain<parse_aedat4>,
     [](const Recording& recording) { return encode_aedat4(recording); }},
    {"aedat3", ".aedat", "AEDAT 3.1, as in DVS128 Gesture",
     [](Content content) { return starts_with(content, "#!AER-DAT3"); },
     parse_with_sensor<Aedat3Options, parse_aedat3>, encode_aedat3},
    {"aedat2", ".aedat", "AEDAT 2.0 of a DVS128, as in CIFAR10-DVS",
     [](Content content) { return starts_with(content, "#!AER-DAT2"); },
     [](Content content, const std::string& name, const ReadEventsOptions& options) {
       return of_sensor(parse_aedat2(content, name, {.read = options.read}), name, options.sensor);
     },
     [](const Recording& recording) { return encode_aedat2(recording); }},
    {"atis", ".bin", "events of 5 bytes, as in N-MNIST and N-Caltech101", nullptr,
     parse_with_sensor<AtisOptions, parse_atis>, encode_atis},
    {"bs2", ".bs2", "events of 5 bytes of SLAYER and Lava", nullptr,
     parse_with_sensor<Bs2Options, parse_bs2>, encode_bs2},
    {"bs1", ".bs1", "the same with channels instead of pixels, as in N-TIDIGITS", nullptr,
     parse_with_sensor<Bs1Options, parse_bs1>, encode_bs1},
    {"npz", ".npz", "NumPy archive of t, x, y, p, as SpikingJelly writes it",
     [](Content content) { return starts_with(content, "PK\x03\x04"); },
     parse_with_sensor<NumpyOptions, parse_npz>, encode_npz},
    {"npy", ".npy", "NumPy array of records with fields t, x, y, p",
     [](Content content) { return starts_with(content, "\x93NUMPY"); },
     parse_with_sensor<NumpyOptions, parse_npy>, encode_npy},
    {"csv", ".csv", "text, a line t,x,y,p for each event", nullptr,
     parse_with_sensor<CsvOptions, parse_csv>, encode_csv},
};

/// The first row that `accept` accepts, or null.
template <class Accept>
const EventFormat* find_format(Accept&& accept) {
  const auto found = std::find_if(std::begin(formats), std::end(formats), accept);
  return found == std::end(formats) ? nullptr : found;
}

std::string known(std::string_view EventFormat::*what) {
  std::vector<std::string_view> all;
  for (const EventFormat& format : formats)
    if (all.empty() || all.back() != format.*what) all.push_back(format.*what);
  return fmt::format("{}", fmt::join(all, ", "));
}

}  // namespace

std::span<const EventFormat> event_formats() { return formats; }

const EventFormat& event_format(std::string_view name) {
  const EventFormat* format = find_format([&](const EventFormat& row) { return row.name == name; });
  RV_CHECK(format != nullptr, "[events] there is no format \"{}\"; there are {}.", name,
           known(&EventFormat::name));
  return *format;
}

const EventFormat& recognise_format(Content content, const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  const auto named = [&](const EventFormat& row) { return row.extension == extension; };
  const EventFormat* format =
      find_format([&](const EventFormat& row) { return named(row) && row.recognise == nullptr; });
  if (format == nullptr)
    format = find_format(
        [&](const EventFormat& row) { return row.recognise != nullptr && row.recognise(content); });
  if (format == nullptr) format = find_format(named);
  if (format == nullptr)
    fail(ErrorCode::format,
         "[events] neither content nor extension of {} tell its format; name it, as one of {}.",
         path.string(), known(&EventFormat::name));
  return *format;
}

Recording read_events(const std::filesystem::path& path, const ReadEventsOptions& options) {
  const std::vector<std::uint8_t> content =
      detail::read_file("events", path, options.read.max_bytes);
  const EventFormat& format =
      options.format.empty() ? recognise_format(content, path) : event_format(options.format);
  return format.parse(content, path.string(), options);
}

void write_events(const std::filesystem::path& path, const Recording& recording,
                  std::string_view format) {
  const std::string extension = path.extension().string();
  const EventFormat* row =
      format.empty()
          ? find_format([&](const EventFormat& each) { return each.extension == extension; })
          : &event_format(format);
  RV_CHECK(row != nullptr,
           "[events] the extension of {} belongs to no format; name the format, or use one of {}.",
           path.string(), known(&EventFormat::extension));
  const std::vector<std::uint8_t> content = row->encode(recording);
  detail::Replacement file("events", path);
  file.write(content);
  file.finish();
}

std::string list_event_formats() {
  std::string text;
  for (const EventFormat& format : formats)
    text += fmt::format("  {:<8}{:<9}{}\n", format.name, format.extension, format.about);
  return text;
}

}  // namespace ranvier
