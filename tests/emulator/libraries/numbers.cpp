#include "tests/emulator/libraries/numbers.h"

#include <bit>
#include <cstdint>

namespace emulator {
namespace {

/// Calls `body` with the array as one of what its elements are.
template <class Array, class Body>
auto visit(Array* array, DType type, const Body& body) {
  const auto as = [&]<class T>(T*) {
    return body(static_cast<std::conditional_t<std::is_const_v<Array>, const T, T>*>(array));
  };
  switch (type) {
    case DType::f64:
      return as(static_cast<double*>(nullptr));
    case DType::f16:
      return as(static_cast<ranvier::float16*>(nullptr));
    case DType::bf16:
      return as(static_cast<ranvier::bfloat16*>(nullptr));
    default:
      return as(static_cast<float*>(nullptr));
  }
}

double widened(double value) { return value; }
double widened(float value) { return static_cast<double>(value); }
double widened(ranvier::float16 value) { return static_cast<double>(to_float(value)); }
double widened(ranvier::bfloat16 value) { return static_cast<double>(to_float(value)); }

void put(double& to, double value) { to = value; }
void put(float& to, double value) { to = static_cast<float>(value); }
void put(ranvier::float16& to, double value) {
  to = ranvier::to_float16(static_cast<float>(value));
}
void put(ranvier::bfloat16& to, double value) {
  to = ranvier::to_bfloat16(static_cast<float>(value));
}

}  // namespace

std::size_t bytes_of(DType type) { return static_cast<std::size_t>(ranvier::element_size(type)); }

double read_number(const void* array, DType type, std::size_t at) {
  return visit(array, type, [&](const auto* numbers) { return widened(numbers[at]); });
}

void write_number(void* array, DType type, std::size_t at, double value) {
  visit(array, type, [&](auto* numbers) { put(numbers[at], value); });
}

std::vector<double> read_numbers(const void* array, DType type, std::size_t count) {
  return visit(array, type, [&](const auto* numbers) {
    std::vector<double> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = widened(numbers[i]);
    return values;
  });
}

double rounded(double value, DType type) {
  alignas(double) std::byte number[sizeof(double)];
  write_number(number, type, 0, value);
  return read_number(number, type, 0);
}

void round_to_tf32(std::vector<double>& values) {
  constexpr std::uint32_t infinity = 0x7f800000u, dropped = 0x1fffu;
  for (double& value : values) {
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
    if ((bits & infinity) == infinity) continue;
    const std::uint32_t even = (bits >> 13) & 1u;
    value = static_cast<double>(std::bit_cast<float>((bits + (dropped >> 1) + even) & ~dropped));
  }
}

}  // namespace emulator
