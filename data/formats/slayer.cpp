#include "ranvier/data/formats/slayer.h"

#include "ranvier/data/detail/file.h"
#include "ranvier/data/formats/detail/event_filler.h"
#include "ranvier/data/formats/detail/forty_bit.h"

namespace ranvier {
namespace {

using Bytes = std::span<const std::uint8_t>;

/// `row_bits` of an event's place are its row.
template <int row_bits>
Recording parse(Bytes content, const detail::ReadPlace& place, const Sensor& sensor,
                const ReadOptions& options) {
  const std::int64_t count =
      detail::count_records(place, "event", 0, std::ssize(content), detail::forty_bit_bytes);
  Recording recording{.sensor = sensor, .events = {}};
  detail::EventFiller filler(recording, place, "event", count);
  detail::WrappingTime time(detail::forty_bit_time_bits);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t offset = i * detail::forty_bit_bytes;
    const detail::FortyBitEvent event = detail::load_forty_bit(content.data() + offset);
    const std::uint32_t x = event.place >> row_bits, y = event.place & ((1u << row_bits) - 1);
    filler.add(time(event.time), x, y, event.on, i, offset);
  }
  filler.finish();
  detail::finish_recording(recording, place, options);
  return recording;
}

template <int row_bits>
std::vector<std::uint8_t> encode(const char* writer, const Recording& recording) {
  constexpr std::int64_t last_column = (1 << (16 - row_bits)) - 1, last_row = (1 << row_bits) - 1;
  const Events& events = recording.events;
  std::vector<std::uint8_t> bytes;
  bytes.reserve(events.t.size() * detail::forty_bit_bytes);
  for (std::int64_t i = 0; i < events.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    detail::check_fits(writer, i, "t", events.t[at], detail::forty_bit_latest);
    detail::check_fits(writer, i, "x", events.x[at], last_column);
    detail::check_fits(writer, i, "y", events.y[at], last_row);
    detail::append_forty_bit(
        bytes, {.place = static_cast<std::uint16_t>(events.x[at] << row_bits | events.y[at]),
                .on = events.p[at] != 0,
                .time = static_cast<std::uint32_t>(events.t[at])});
  }
  return bytes;
}

}  // namespace

Recording parse_bs1(Bytes content, const std::string& name, const Bs1Options& options) {
  return parse<0>(content, {"bs1", name}, options.sensor, options.read);
}

Recording parse_bs2(Bytes content, const std::string& name, const Bs2Options& options) {
  return parse<8>(content, {"bs2", name}, options.sensor, options.read);
}

Recording read_bs1(const std::filesystem::path& path, const Bs1Options& options) {
  return parse_bs1(detail::read_file("bs1", path, options.read.max_bytes), path.string(), options);
}

Recording read_bs2(const std::filesystem::path& path, const Bs2Options& options) {
  return parse_bs2(detail::read_file("bs2", path, options.read.max_bytes), path.string(), options);
}

std::vector<std::uint8_t> encode_bs1(const Recording& recording) {
  return encode<0>("bs1", recording);
}

std::vector<std::uint8_t> encode_bs2(const Recording& recording) {
  return encode<8>("bs2", recording);
}

}  // namespace ranvier
