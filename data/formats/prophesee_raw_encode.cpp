#include <fmt/core.h>

#include "ranvier/data/formats/detail/bytes.h"
#include "ranvier/data/formats/detail/evt_words.h"
#include "ranvier/data/formats/detail/writing.h"
#include "ranvier/data/formats/prophesee_raw.h"

namespace ranvier {
namespace {

constexpr std::int64_t most_time = (std::int64_t{1} << 34) - 1;  // what EVT 2.0 can count to

void check_encodable(const Recording& recording) {
  detail::check_encodable("evt", recording,
                          {.most_time = most_time, .most_columns = 2048, .most_rows = 2048});
}

std::vector<std::uint8_t> header(const Sensor& sensor, const char* version, const char* format) {
  const std::string text =
      fmt::format("% evt {0}\n% format {1};height={3};width={2}\n% geometry {2}x{3}\n% end\n",
                  version, format, sensor.width, sensor.height);
  return {text.begin(), text.end()};
}

/// Writes EVT 3.0 words, those for time and row only where they change.
class Evt3Encoder {
 public:
  explicit Evt3Encoder(std::vector<std::uint8_t>& out) : out_(out) {}

  void set_time(std::int64_t t) {
    // A decoder takes a fall by more than half of the range for a wrap: long pauses need steps.
    constexpr std::int64_t step = 1024;
    const std::int64_t high = t >> 12;
    while (high_ < high) {
      high_ = std::min(high, high_ + step);
      write(detail::evt3::time_high, high_ & 0xfff);
      low_ = -1;  // not all decoders take it for 0 now
    }
    if ((t & 0xfff) == low_) return;
    low_ = t & 0xfff;
    write(detail::evt3::time_low, low_);
  }
  void set_row(std::int16_t y) {
    if (y == y_) return;
    y_ = y;
    write(detail::evt3::addr_y, y);
  }
  void add(std::int16_t x, bool on) { write(detail::evt3::addr_x, x | on << 11); }
  /// Events at x + i for each bit i of `bits`.
  void add_vector(std::int16_t x, bool on, std::int64_t bits) {
    write(detail::evt3::vect_base_x, x | on << 11);
    write(detail::evt3::vect_12, bits);
  }

 private:
  void write(detail::evt3::Type type, std::int64_t payload) {
    detail::append_le(out_, static_cast<std::uint16_t>(type << 12 | payload));
  }

  std::vector<std::uint8_t>& out_;
  std::int64_t high_ = -1, low_ = -1;
  std::int16_t y_ = -1;
};

/// How many events from `first` on, in this order, are one vector; sets `bits`.
std::size_t vector_length(const Events& events, std::size_t first, std::int64_t& bits) {
  bits = 1;
  std::size_t i = first + 1;
  for (; i < events.t.size(); ++i) {
    const bool joins = events.t[i] == events.t[first] && events.y[i] == events.y[first] &&
                       events.p[i] == events.p[first] && events.x[i] > events.x[i - 1] &&
                       events.x[i] < events.x[first] + 12;
    if (!joins) break;
    bits |= std::int64_t{1} << (events.x[i] - events.x[first]);
  }
  return i - first;
}

}  // namespace

std::vector<std::uint8_t> encode_evt2(const Recording& recording) {
  check_encodable(recording);
  const Events& events = recording.events;
  std::vector<std::uint8_t> out = header(recording.sensor, "2.0", "EVT2");
  std::int64_t high = -1;
  for (std::size_t i = 0; i < events.t.size(); ++i) {
    if (events.t[i] >> 6 != high) {
      high = events.t[i] >> 6;
      detail::append_le(out, static_cast<std::uint32_t>(detail::evt2::time_high << 28 | high));
    }
    const auto type = events.p[i] != 0 ? detail::evt2::cd_on : detail::evt2::cd_off;
    detail::append_le(out, static_cast<std::uint32_t>(type << 28 | (events.t[i] & 0x3f) << 22 |
                                                      events.x[i] << 11 | events.y[i]));
  }
  return out;
}

std::vector<std::uint8_t> encode_evt3(const Recording& recording) {
  check_encodable(recording);
  const Events& events = recording.events;
  std::vector<std::uint8_t> out = header(recording.sensor, "3.0", "EVT3");
  Evt3Encoder encoder(out);
  for (std::size_t i = 0; i < events.t.size();) {
    encoder.set_time(events.t[i]);
    encoder.set_row(events.y[i]);
    std::int64_t bits = 0;
    const std::size_t length = vector_length(events, i, bits);
    const bool on = events.p[i] != 0;
    if (length > 2) {  // a vector takes two words
      encoder.add_vector(events.x[i], on, bits);
      i += length;
    } else {
      encoder.add(events.x[i++], on);
    }
  }
  return out;
}

}  // namespace ranvier
