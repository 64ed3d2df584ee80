#include "ranvier/data/formats/prophesee_dat.h"

#include <fmt/core.h>

#include <charconv>
#include <string_view>

#include "ranvier/core/error.h"
#include "ranvier/data/detail/file.h"
#include "ranvier/data/formats/detail/event_filler.h"
#include "ranvier/data/formats/detail/prophesee_header.h"
#include "ranvier/data/formats/detail/writing.h"

namespace ranvier {
namespace {

using detail::Bytes;

constexpr std::int64_t event_bytes = 8;
constexpr std::uint8_t generic_event = 0x00, pixel_event = 0x0c;
constexpr std::int64_t most_pixels = 1 << 14;

/// How the 32 bits of an event's place are cut.
struct Layout {
  int x_bits, y_bits;
  std::uint32_t x(std::uint32_t place) const { return place & ((1u << x_bits) - 1); }
  std::uint32_t y(std::uint32_t place) const { return place >> x_bits & ((1u << y_bits) - 1); }
  bool on(std::uint32_t place) const { return (place >> (x_bits + y_bits) & 1) != 0; }
};
constexpr Layout version_1{.x_bits = 9, .y_bits = 8}, version_2{.x_bits = 14, .y_bits = 14};

[[noreturn]] void fail_header(const detail::ReadPlace& place, const std::string& what) {
  fail(ErrorCode::format, "[{}] {}: {}.", place.reader, place.file, what);
}

Layout layout_of(const detail::PropheseeHeader& header, const detail::ReadPlace& place) {
  const std::string_view version = header.value("Version");
  if (version.empty() || version == "1") return version_1;
  if (version == "2") return version_2;
  fail_header(place, fmt::format("its header says \"% Version {}\"; 1 and 2 are read", version));
}

/// Of a header line "% `key` NUMBER"; 0 if there is none.
std::int64_t extent(const detail::PropheseeHeader& header, std::string_view key,
                    const detail::ReadPlace& place) {
  const std::string_view text = header.value(key);
  if (text.empty()) return 0;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > most_pixels)
    fail_header(place, fmt::format("its header says \"% {} {}\"; it must be a number from 1 to {}",
                                   key, text, most_pixels));
  return value;
}

std::optional<Sensor> sensor_of(const detail::PropheseeHeader& header,
                                const detail::ReadPlace& place) {
  const Sensor sensor{extent(header, "Width", place), extent(header, "Height", place), 2};
  if (sensor.width == 0 || sensor.height == 0) return std::nullopt;
  return sensor;
}

/// Where the events begin. Error: the two bytes between header and events say that they are no
/// events of pixels.
std::int64_t first_event(Bytes content, const detail::PropheseeHeader& header,
                         const detail::ReadPlace& place) {
  if (header.size() == 0) return 0;
  const auto at = static_cast<std::size_t>(header.size());
  if (content.size() < at + 2)
    fail_header(place, fmt::format("it ends at byte {}, before the type and the size of its events",
                                   content.size()));
  const std::uint8_t type = content[at], size = content[at + 1];
  if ((type != generic_event && type != pixel_event) || size != event_bytes)
    fail_header(place, fmt::format("at byte {} it says that its events are of type {} and have {} "
                                   "bytes; those of pixels are of type 0 or 12 and have 8",
                                   at, type, size));
  return header.size() + 2;
}

}  // namespace

Recording parse_dat(Bytes content, const std::string& name, const DatOptions& options) {
  const detail::ReadPlace place{"dat", name};
  const detail::PropheseeHeader header(content);
  const Layout layout = layout_of(header, place);
  const std::optional<Sensor> sensor = options.sensor ? options.sensor : sensor_of(header, place);
  const std::int64_t first = first_event(content, header, place);
  const std::int64_t count =
      detail::count_records(place, "event", first, std::ssize(content), event_bytes);

  Recording recording{.sensor = sensor.value_or(Sensor{most_pixels, most_pixels, 2}), .events = {}};
  detail::EventFiller filler(recording, place, "event", count);
  detail::WrappingTime time(32);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t offset = first + i * event_bytes;
    const std::uint8_t* at = content.data() + offset;
    const auto pixel = detail::load_le<std::uint32_t>(at + 4);
    filler.add(time(detail::load_le<std::uint32_t>(at)), layout.x(pixel), layout.y(pixel),
               layout.on(pixel), i, offset);
  }
  filler.finish();
  if (!sensor) recording.sensor = detail::smallest_sensor(recording.events, 2);
  detail::finish_recording(recording, place, options.read);
  return recording;
}

Recording read_dat(const std::filesystem::path& path, const DatOptions& options) {
  return parse_dat(detail::read_file("dat", path, options.read.max_bytes), path.string(), options);
}

std::vector<std::uint8_t> encode_dat(const Recording& recording) {
  detail::check_encodable(
      "dat", recording,
      {.most_time = UINT32_MAX, .most_columns = most_pixels, .most_rows = most_pixels});
  const std::string header =
      fmt::format("% Data file containing CD events.\n% Version 2\n% Width {}\n% Height {}\n",
                  recording.sensor.width, recording.sensor.height);
  const Events& events = recording.events;
  std::vector<std::uint8_t> bytes;
  bytes.reserve(header.size() + 2 + events.t.size() * event_bytes);
  bytes.assign(header.begin(), header.end());
  bytes.insert(bytes.end(), {pixel_event, event_bytes});
  for (std::size_t i = 0; i < events.t.size(); ++i) {
    const auto x = static_cast<std::uint32_t>(events.x[i]);
    const auto y = static_cast<std::uint32_t>(events.y[i]);
    const std::uint32_t on = events.p[i] != 0 ? 1 : 0;
    detail::append_le(bytes, static_cast<std::uint32_t>(events.t[i]));
    detail::append_le(bytes,
                      x | y << version_2.x_bits | on << (version_2.x_bits + version_2.y_bits));
  }
  return bytes;
}

}  // namespace ranvier
