// Reading content whose length nobody can be trusted to know.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace ranvier::detail {

/// Overwrites `out` with what `read(room)` delivers until that returns 0 bytes; memory grows with
/// it. False: there are more than `limit` bytes; reading stopped.
template <class Read>
bool read_growing(std::int64_t limit, std::vector<std::uint8_t>& out, Read&& read) {
  constexpr std::size_t least_room = std::size_t{1} << 16;
  const auto most = static_cast<std::size_t>(limit);
  std::size_t made = 0;
  while (true) {
    // One byte more than allowed, so that content of exactly `limit` bytes can end.
    if (made == out.size()) out.resize(std::min(most + 1, std::max(least_room, 2 * made)));
    const std::size_t count = read(std::span(out).subspan(made));
    made += count;
    if (made > most) return false;
    if (count > 0) continue;
    out.resize(made);
    return true;
  }
}

}  // namespace ranvier::detail
