#include "ranvier/data/formats/aedat2.h"

#include <fmt/core.h>

#include <string_view>

#include "ranvier/data/detail/file.h"
#include "ranvier/data/formats/detail/aedat_header.h"
#include "ranvier/data/formats/detail/event_filler.h"
#include "ranvier/data/formats/detail/writing.h"

namespace ranvier {
namespace {

constexpr std::int64_t event_bytes = 8;
constexpr std::uint32_t last_pixel = 127;
constexpr Sensor dvs128{128, 128, 2};
constexpr std::uint32_t no_pixel = 1u << 31 | 1u << 15;

struct Pixel {
  std::uint32_t x, y, on;
};

/// From an address to the picture, and back: it is its own inverse.
Pixel placed(const Pixel& pixel, Aedat2Pixels pixels) {
  if (pixels == Aedat2Pixels::as_stored) return pixel;
  return {last_pixel - pixel.y, last_pixel - pixel.x, 1 - pixel.on};
}

}  // namespace

Recording parse_aedat2(std::span<const std::uint8_t> content, const std::string& name,
                       const Aedat2Options& options) {
  const detail::ReadPlace place{"aedat2", name};
  const detail::AedatHeader header(content, "2.0", "", place);
  const std::int64_t count =
      detail::count_records(place, "event", header.size(), std::ssize(content), event_bytes);
  Recording recording{.sensor = dvs128, .events = {}};
  detail::EventFiller filler(recording, place, "event", count);
  detail::WrappingTime time(32);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t offset = header.size() + i * event_bytes;
    const std::uint8_t* at = content.data() + offset;
    const auto address = detail::load_be<std::uint32_t>(at);
    if ((address & no_pixel) != 0) continue;
    if (address > 0x7fff)
      detail::fail_at(
          place, "event", i, offset,
          fmt::format("its address is 0x{:08x}; those of a DVS128 have 15 bits", address));
    const Pixel pixel = placed(
        {.x = address >> 1 & last_pixel, .y = address >> 8, .on = address & 1}, options.pixels);
    filler.add(time(detail::load_be<std::uint32_t>(at + 4)), pixel.x, pixel.y, pixel.on != 0, i,
               offset);
  }
  filler.finish();
  detail::finish_recording(recording, place, options.read);
  return recording;
}

Recording read_aedat2(const std::filesystem::path& path, const Aedat2Options& options) {
  return parse_aedat2(detail::read_file("aedat2", path, options.read.max_bytes), path.string(),
                      options);
}

std::vector<std::uint8_t> encode_aedat2(const Recording& recording, Aedat2Pixels pixels) {
  detail::check_encodable(
      "aedat2", recording,
      {.most_time = UINT32_MAX, .most_columns = dvs128.width, .most_rows = dvs128.height});
  constexpr std::string_view header =
      "#!AER-DAT2.0\r\n"
      "# 32 bits of address and 32 of time in us per event, big endian\r\n"
      "# AEChip: ch.unizh.ini.jaer.chip.retina.DVS128\r\n";
  const Events& events = recording.events;
  std::vector<std::uint8_t> bytes;
  bytes.reserve(header.size() + events.t.size() * event_bytes);
  bytes.assign(header.begin(), header.end());
  for (std::size_t i = 0; i < events.t.size(); ++i) {
    const Pixel pixel = placed({.x = static_cast<std::uint32_t>(events.x[i]),
                                .y = static_cast<std::uint32_t>(events.y[i]),
                                .on = events.p[i] != 0 ? 1u : 0u},
                               pixels);
    detail::append_be(bytes, pixel.y << 8 | pixel.x << 1 | pixel.on);
    detail::append_be(bytes, static_cast<std::uint32_t>(events.t[i]));
  }
  return bytes;
}

}  // namespace ranvier
