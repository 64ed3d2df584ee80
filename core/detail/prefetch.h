// Asking for memory before it is needed.
#pragma once

#include <cstdint>

namespace ranvier::detail {

/// Fetches part of a row into L2; null: there is none. In assembler, because GCC 12 takes a
/// function that only calls __builtin_prefetch for one without effect and drops its calls.
template <class R>
void prefetch(const R* row, std::int64_t count) {
  constexpr std::int64_t line = 64 / sizeof(R);
  if (row == nullptr) return;
  for (std::int64_t i = 0; i < count; i += line) asm volatile("prefetcht1 %0" : : "m"(row[i]));
}

}  // namespace ranvier::detail
