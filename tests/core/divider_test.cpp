// Division by a number that is known beforehand is division.
#include "ranvier/core/detail/divider.h"

#include <limits>
#include <random>

#include "tests/support/catch.h"

namespace ranvier {
namespace {

constexpr std::int32_t largest = std::numeric_limits<std::int32_t>::max();

/// How many of some numbers, among them those beside multiples of `divisor`, are divided wrongly.
int mistakes(std::int32_t divisor, std::mt19937& numbers) {
  const detail::Divider divider(divisor);
  int wrong = 0;
  const auto divide = [&](std::int32_t number) {
    if (divider.quotient(number) != number / divisor) ++wrong;
  };
  for (int i = 0; i < 200; ++i) {
    const auto number = static_cast<std::int32_t>(numbers() >> 1);
    const std::int32_t multiple = number / divisor * divisor;
    for (const std::int32_t each : {number, multiple, multiple > 0 ? multiple - 1 : 0})
      divide(each);
  }
  for (const std::int32_t each : {0, 1, divisor - 1, divisor, largest - 1, largest}) divide(each);
  return wrong;
}

TEST_CASE("a divider divides every number below 2^31 by every such number") {
  std::mt19937 numbers(1);
  int wrong = 0;
  for (std::int32_t divisor = 1; divisor < 3000; ++divisor) wrong += mistakes(divisor, numbers);
  for (int bits = 2; bits < 31; ++bits)
    for (const std::int32_t beside : {-1, 0, 1}) wrong += mistakes((1 << bits) + beside, numbers);
  for (int i = 0; i < 3000; ++i)
    wrong += mistakes(static_cast<std::int32_t>((numbers() >> 1) | 1), numbers);
  wrong += mistakes(largest, numbers);
  CHECK(wrong == 0);
  CHECK(detail::Divider(7).divisor() == 7);
}

}  // namespace
}  // namespace ranvier
