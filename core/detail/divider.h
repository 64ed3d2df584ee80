// Division by a number that is known before many divisions.
#pragma once

#include <cstdint>

#include "ranvier/core/platform.h"

namespace ranvier::detail {

/// Divides numbers in [0, 2^31) by one in [1, 2^31) with a product and a shift, where CUDA devices
/// take some twenty instructions to divide (Granlund and Montgomery, "Division by invariant
/// integers using multiplication", PLDI 1994).
class Divider {
 public:
  constexpr explicit Divider(std::int32_t divisor) : divisor_(divisor) {
    const auto by = static_cast<std::uint64_t>(divisor);
    while (std::uint64_t{1} << (shift_ - 31) < by) ++shift_;
    multiplier_ = static_cast<std::uint32_t>(((std::uint64_t{1} << shift_) + by - 1) / by);
  }
  RV_HD std::int32_t divisor() const { return divisor_; }
  RV_HD std::int32_t quotient(std::int32_t number) const {
    return static_cast<std::int32_t>(static_cast<std::uint64_t>(number) * multiplier_ >> shift_);
  }

 private:
  std::int32_t divisor_;
  int shift_ = 31;
  std::uint32_t multiplier_;  // 2^shift / divisor, rounded up
};

}  // namespace ranvier::detail
