// What the instructions of the library's core/detail/ptx.h do, on an emulated device.
#pragma once

#include <cuda_runtime.h>

#include <bit>
#include <cstdint>
#include <source_location>

#include "ranvier/core/dtype.h"
#include "tests/emulator/blocks/async_copy.h"
#include "tests/emulator/include/warp.h"

namespace ranvier::cuda {

namespace detail {

/// The rows and columns of a, b and d that a lane holds, as the library's header tells.
template <class S>
struct Fragments {
  float* d;
  uint4 a;
  uint2 b;

  static float half_of(unsigned word, unsigned which) {
    return to_float(std::bit_cast<S>(static_cast<std::uint16_t>(word >> (16 * which))));
  }
  /// a[row, k] and b[k, column] by lane.
  static float a_at(const emulator::Lanes& lanes, unsigned row, unsigned k) {
    const uint4& own = of(lanes, row % 8 * 4 + k % 8 / 2).a;
    const unsigned words[] = {own.x, own.y, own.z, own.w};
    return half_of(words[row / 8 + 2 * (k / 8)], k % 2);
  }
  static float b_at(const emulator::Lanes& lanes, unsigned k, unsigned column) {
    const uint2& own = of(lanes, column * 4 + k % 8 / 2).b;
    return half_of(k < 8 ? own.x : own.y, k % 2);
  }
  static Fragments& of(const emulator::Lanes& lanes, unsigned lane) {
    return *static_cast<Fragments*>(lanes[lane]);
  }
  static void multiply(const emulator::Lanes& lanes) {
    for (unsigned lane = 0; lane < emulator::warp_lanes; ++lane)
      for (unsigned i = 0; i < 4; ++i) {
        const unsigned row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
        double sum = of(lanes, lane).d[i];
        for (unsigned k = 0; k < 16; ++k)
          sum += static_cast<double>(a_at(lanes, row, k)) * b_at(lanes, k, column);
        of(lanes, lane).d[i] = static_cast<float>(sum);
      }
  }
};

}  // namespace detail

/// d += a b; the sum of each element is rounded once.
template <class S>
void multiply_add(float (&d)[4], uint4 a, uint2 b,
                  std::source_location at = std::source_location::current()) {
  using Mine = detail::Fragments<S>;
  Mine mine{d, a, b};
  constexpr unsigned whole_warp = 0xffffffffu;
  emulator::with_warp(whole_warp, Mine::multiply, &mine, at);
}

/// Copied when the thread waits for it; until then the target holds what is no number.
template <int bytes>
void copy_async(void* to, const void* from) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
  emulator::begin_copy(to, from, bytes);
}
inline void commit_copies() { emulator::commit_copies(); }
template <int groups>
void wait_for_copies() {
  emulator::wait_for_copies(groups);
}

// There is no compiler to be kept from knowing.
template <class T>
void forget_origin(T*& /*pointer*/) {}
template <class T>
T untraced(T number) {
  return number;
}

}  // namespace ranvier::cuda
