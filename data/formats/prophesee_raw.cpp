#include "ranvier/data/formats/prophesee_raw.h"

#include <charconv>
#include <optional>
#include <string_view>

#include "ranvier/data/detail/file.h"
#include "ranvier/data/formats/detail/evt_decoders.h"
#include "ranvier/data/formats/detail/prophesee_header.h"

namespace ranvier {
namespace {

using detail::Bytes;

constexpr std::int64_t most_pixels = 2048;  // coordinates have 11 bits

/// The number between `text` and `end`, or 0 if it is none or no extent of a sensor.
std::int64_t extent(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && value >= 1 && value <= most_pixels ? value : 0;
}

/// What follows "name=" in "EVT3;height=720;width=1280".
std::string_view setting(std::string_view format, std::string_view name) {
  for (std::size_t begin = 0; begin < format.size();) {
    const std::string_view part = format.substr(begin, format.find(';', begin) - begin);
    begin += part.size() + 1;
    if (part.starts_with(name) && part.substr(name.size()).starts_with('='))
      return part.substr(name.size() + 1);
  }
  return {};
}

/// Extents that the header states, or those of the camera that it names, or none.
std::optional<Sensor> sensor_of(const detail::PropheseeHeader& header) {
  const std::string_view format = header.value("format"), geometry = header.value("geometry");
  Sensor sensor{.polarities = 2};
  const auto stated = [&](std::string_view width, std::string_view height) {
    sensor.width = extent(width);
    sensor.height = extent(height);
    return sensor.width > 0 && sensor.height > 0;
  };
  if (stated(setting(format, "width"), setting(format, "height"))) return sensor;
  const auto cross = geometry.find('x');
  if (cross != geometry.npos && stated(geometry.substr(0, cross), geometry.substr(cross + 1)))
    return sensor;
  // Files of before 2021 name the software of the camera only.
  const std::string_view plugin = header.value("plugin_name");
  if (plugin.find("_gen3") != plugin.npos && stated("640", "480")) return sensor;
  if (plugin.find("_gen4") != plugin.npos && stated("1280", "720")) return sensor;
  return std::nullopt;
}

/// 2 or 3. Error: the header names another encoding, or none.
int version_of(const detail::PropheseeHeader& header, const detail::ReadPlace& place) {
  const std::string_view format = header.value("format"), version = header.value("evt");
  const std::string_view encoding = format.substr(0, format.find(';'));
  if (encoding == "EVT2" || (encoding.empty() && version == "2.0")) return 2;
  if (encoding == "EVT3" || (encoding.empty() && version == "3.0")) return 3;
  if (header.size() == 0)
    fail(ErrorCode::format,
         "[{}] {}: it must begin with lines of a header, one of them \"% evt 2.0\" or \"% evt "
         "3.0\"; it has none.",
         place.reader, place.file);
  fail(ErrorCode::format,
       "[{}] {}: its header of {} bytes says \"% format {}\" and \"% evt {}\"; EVT2 and EVT3, 2.0 "
       "and 3.0 are read.",
       place.reader, place.file, header.size(), encoding, version);
}

}  // namespace

Recording parse_evt(Bytes content, const std::string& name, const ReadOptions& options) {
  const detail::ReadPlace place{"evt", name};
  const detail::PropheseeHeader header(content);
  const int version = version_of(header, place);
  const std::optional<Sensor> sensor = sensor_of(header);
  Recording recording;
  recording.sensor =
      sensor.value_or(Sensor{.width = most_pixels, .height = most_pixels, .polarities = 2});
  const auto decode = version == 2 ? detail::decode_evt2 : detail::decode_evt3;
  decode(content, header.size(), recording, place, options);
  if (!sensor) recording.sensor = detail::smallest_sensor(recording.events, 2);
  detail::finish_recording(recording, place, options);
  return recording;
}

Recording read_evt(const std::filesystem::path& path, const ReadOptions& options) {
  return parse_evt(detail::read_file("evt", path, options.max_bytes), path.string(), options);
}

}  // namespace ranvier
