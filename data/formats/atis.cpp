#include "ranvier/data/formats/atis.h"

#include "ranvier/core/error.h"
#include "ranvier/data/detail/file.h"
#include "ranvier/data/formats/detail/event_filler.h"
#include "ranvier/data/formats/detail/forty_bit.h"

namespace ranvier {
namespace {

constexpr std::uint32_t overflow_row = 240;
constexpr std::int64_t overflow_time = 1 << 13;

}  // namespace

Recording parse_atis(std::span<const std::uint8_t> content, const std::string& name,
                     const AtisOptions& options) {
  const detail::ReadPlace place{"atis", name};
  const std::int64_t count =
      detail::count_records(place, "event", 0, std::ssize(content), detail::forty_bit_bytes);
  Recording recording{.sensor = options.sensor, .events = {}};
  detail::EventFiller filler(recording, place, "event", count);
  detail::WrappingTime time(detail::forty_bit_time_bits);
  std::int64_t overflows = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t offset = i * detail::forty_bit_bytes;
    const detail::FortyBitEvent event = detail::load_forty_bit(content.data() + offset);
    const std::uint32_t x = event.place >> 8, y = event.place & 0xffu;
    if (y == overflow_row)
      ++overflows;
    else
      filler.add(time(event.time) + overflows * overflow_time, x, y, event.on, i, offset);
  }
  filler.finish();
  detail::finish_recording(recording, place, options.read);
  return recording;
}

Recording read_atis(const std::filesystem::path& path, const AtisOptions& options) {
  return parse_atis(detail::read_file("atis", path, options.read.max_bytes), path.string(),
                    options);
}

std::vector<std::uint8_t> encode_atis(const Recording& recording) {
  const Events& events = recording.events;
  std::vector<std::uint8_t> bytes;
  bytes.reserve(events.t.size() * detail::forty_bit_bytes);
  for (std::int64_t i = 0; i < events.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    detail::check_fits("atis", i, "t", events.t[at], detail::forty_bit_latest);
    detail::check_fits("atis", i, "x", events.x[at], 255);
    detail::check_fits("atis", i, "y", events.y[at], 255);
    RV_CHECK(events.y[at] != overflow_row,
             "[atis] event {} has y = {}; in this format that means that time overflowed.", i,
             overflow_row);
    detail::append_forty_bit(bytes,
                             {.place = static_cast<std::uint16_t>(events.x[at] << 8 | events.y[at]),
                              .on = events.p[at] != 0,
                              .time = static_cast<std::uint32_t>(events.t[at])});
  }
  return bytes;
}

}  // namespace ranvier
