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

/// What a lane holds of a, b and d, as the library's header tells.
template <class S>
struct Fragments {
  float* d;
  uint4 a;
  uint2 b;

  static float half_of(unsigned word, unsigned which) {
    return to_float(std::bit_cast<S>(static_cast<std::uint16_t>(word >> (16 * which))));
  }
  static void multiply(const emulator::Lanes& lanes) {
    double all_a[16][16], all_b[16][8];
    for (unsigned lane = 0; lane < emulator::warp_lanes; ++lane) {
      const auto& own = *static_cast<const Fragments*>(lanes[lane]);
      const unsigned g = lane / 4, q = lane % 4, of_a[] = {own.a.x, own.a.y, own.a.z, own.a.w};
      for (unsigned half = 0; half < 2; ++half) {
        for (unsigned word = 0; word < 4; ++word)
          all_a[g + word % 2 * 8][2 * q + word / 2 * 8 + half] = half_of(of_a[word], half);
        all_b[2 * q + half][g] = half_of(own.b.x, half);
        all_b[2 * q + 8 + half][g] = half_of(own.b.y, half);
      }
    }
    for (unsigned lane = 0; lane < emulator::warp_lanes; ++lane)
      for (unsigned i = 0; i < 4; ++i) {
        const unsigned row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
        float& element = static_cast<const Fragments*>(lanes[lane])->d[i];
        double sum = element;
        for (unsigned k = 0; k < 16; ++k) sum += all_a[row][k] * all_b[k][column];
        element = static_cast<float>(sum);
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
