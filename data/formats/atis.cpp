#include "ranvier/data/formats/atis.h"

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
  return detail::encode_forty_bit("atis", recording, 8, overflow_row);
}

}  // namespace ranvier
