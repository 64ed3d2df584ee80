#include "ranvier/data/event_sets/detail/spike_columns.h"

#include <array>
#include <bit>
#include <memory>

namespace ranvier::detail {
namespace {

/// Nearest whole number (ties to even) of x in [0, 2^51]: adding 2^52 leaves no bits for fractions.
std::int64_t to_nearest(double x) {
  return static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(x + 0x1p52) -
                                   std::bit_cast<std::uint64_t>(0x1p52));
}

/// Every f16 as f64. The times of a sample are close to each other, so few of its lines are in use.
const std::array<double, 65536>& half_table() {
  static const auto table = [] {
    auto values = std::make_unique<std::array<double, 65536>>();
    for (std::uint32_t raw = 0; raw < values->size(); ++raw)
      (*values)[raw] = h5::widen(float16{static_cast<std::uint16_t>(raw)});
    return values;
  }();
  return *table;
}

/// Index of the first number that `accepts`, a predicate on f64, does not accept, else `count`.
template <class T, class Accepts>
std::size_t first_refused(const std::uint8_t* numbers, std::size_t count, Accepts&& accepts) {
  std::size_t i = 0;
  while (i < count && accepts(h5::widen(h5::load<T>(numbers, i)))) ++i;
  return i;
}

}  // namespace

std::size_t to_microseconds(const h5::NumberType& type, const std::uint8_t* numbers,
                            std::size_t count, std::int64_t* out) {
  const auto accepts = [](double seconds) { return seconds >= 0 && seconds <= latest_seconds; };
  return h5::visit_number(type, [&]<class T>() {
    const auto* halves = std::is_same_v<T, float16> ? half_table().data() : nullptr;
    bool all = true;
    for (std::size_t i = 0; i < count; ++i) {
      const T stored = h5::load<T>(numbers, i);
      double seconds;
      if constexpr (std::is_same_v<T, float16>)
        seconds = halves[stored.raw];
      else
        seconds = h5::widen(stored);
      all &= accepts(seconds);
      out[i] = to_nearest(seconds * 1e6);
    }
    return all ? count : first_refused<T>(numbers, count, accepts);
  });
}

std::size_t to_channels(const h5::NumberType& type, const std::uint8_t* numbers, std::size_t count,
                        std::int64_t channels, std::int16_t* out) {
  return h5::visit_number(type, [&]<class T>() {
    if constexpr (std::is_integral_v<T>) {
      bool all = true;
      for (std::size_t i = 0; i < count; ++i) {
        const T channel = h5::load<T>(numbers, i);
        all &= static_cast<std::uint64_t>(channel) < static_cast<std::uint64_t>(channels);
        out[i] = static_cast<std::int16_t>(channel);
      }
      if (all) return count;
    }
    const auto accepts = [&](double channel) {
      return channel >= 0 && channel < static_cast<double>(channels) &&
             channel == static_cast<double>(static_cast<std::int16_t>(channel));
    };
    const std::size_t refused = first_refused<T>(numbers, count, accepts);
    for (std::size_t i = 0; i < refused; ++i)
      out[i] = static_cast<std::int16_t>(h5::widen(h5::load<T>(numbers, i)));
    return refused;
  });
}

double number_at(const h5::NumberType& type, const std::uint8_t* numbers, std::size_t index) {
  return h5::visit_number(type, [&]<class T>() { return h5::widen(h5::load<T>(numbers, index)); });
}

}  // namespace ranvier::detail
