// Numbers next to zero, which processors are slow with.
#pragma once

#include <immintrin.h>

namespace ranvier::detail {

/// While alive, the calling thread takes subnormal numbers, those below 1.2e-38 in f32, for zero,
/// be they read or computed. A membrane that nobody excites comes to them in some hundred steps and
/// stays there, at several times the cost of a step; so does a gradient on its way back.
class FlushSubnormals {
 public:
  FlushSubnormals() : former_(_mm_getcsr()) {
    constexpr unsigned results = 0x8000, operands = 0x0040;
    _mm_setcsr(former_ | results | operands);
  }
  ~FlushSubnormals() { _mm_setcsr(former_); }
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
  const unsigned former_;
};

}  // namespace ranvier::detail
