#include "ranvier/data/formats/slayer.h"

#include "ranvier/data/detail/file.h"
#include "ranvier/data/formats/detail/event_filler.h"
#include "ranvier/data/formats/detail/forty_bit.h"

namespace ranvier {
namespace {

using Bytes = std::span<const std::uint8_t>;

/// The low `row_bits` of a place are the row.
Recording parse(Bytes content, const detail::ReadPlace& place, int row_bits, const Sensor& sensor,
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

}  // namespace

Recording parse_bs1(Bytes content, const std::string& name, const Bs1Options& options) {
  return parse(content, {"bs1", name}, 0, options.sensor, options.read);
}

Recording parse_bs2(Bytes content, const std::string& name, const Bs2Options& options) {
  return parse(content, {"bs2", name}, 8, options.sensor, options.read);
}

Recording read_bs1(const std::filesystem::path& path, const Bs1Options& options) {
  return parse_bs1(detail::read_file("bs1", path, options.read.max_bytes), path.string(), options);
}

Recording read_bs2(const std::filesystem::path& path, const Bs2Options& options) {
  return parse_bs2(detail::read_file("bs2", path, options.read.max_bytes), path.string(), options);
}

std::vector<std::uint8_t> encode_bs1(const Recording& recording) {
  return detail::encode_forty_bit("bs1", recording, 0, 1);
}

std::vector<std::uint8_t> encode_bs2(const Recording& recording) {
  return detail::encode_forty_bit("bs2", recording, 8, 256);
}

}  // namespace ranvier
