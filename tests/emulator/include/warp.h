// How the threads of an emulated block wait for each other and look at each other's values.
#pragma once

#include <array>
#include <source_location>

namespace emulator {

inline constexpr unsigned warp_lanes = 32;

/// The calling thread's place in its warp.
unsigned lane();

/// Returns when all threads of the block that have not ended wait at the same barrier. A thread
/// that waits elsewhere meanwhile for something that cannot come is reported and ends the program.
void wait_for_block(const std::source_location& at);

/// What each lane brings to an operation of its warp and takes from it; null for lanes that do not
/// take part.
using Lanes = std::array<void*, warp_lanes>;
using WarpOperation = void (*)(const Lanes& lanes);

/// Does `operation` once on what all lanes of `mask` bring, and returns when it is done. They must
/// all ask for it at the same place; lanes that have ended are left out.
void with_warp(unsigned mask, WarpOperation operation, void* mine, const std::source_location& at);

/// The `value` of lane `from`; the own one if that lane takes no part.
template <class T>
T value_of_lane(unsigned mask, T value, unsigned from, const std::source_location& at) {
  struct Mine {
    T value;
    unsigned from;
    T got;
  } mine{value, from, value};
  with_warp(
      mask,
      [](const Lanes& lanes) {
        for (void* const each : lanes) {
          if (each == nullptr) continue;
          auto& own = *static_cast<Mine*>(each);
          if (void* const other = lanes[own.from]) own.got = static_cast<Mine*>(other)->value;
        }
      },
      &mine, at);
  return mine.got;
}

/// The values of all lanes taken together by `combine`, an operation without state.
template <class T, class Combine>
T reduce_lanes(unsigned mask, T value, Combine /*combine*/, const std::source_location& at) {
  with_warp(
      mask,
      [](const Lanes& lanes) {
        bool first = true;
        T all{};
        for (void* const each : lanes) {
          if (each == nullptr) continue;
          const T& own = *static_cast<T*>(each);
          all = first ? own : Combine{}(all, own);
          first = false;
        }
        for (void* const each : lanes)
          if (each != nullptr) *static_cast<T*>(each) = all;
      },
      &value, at);
  return value;
}

}  // namespace emulator
