// The inner loops of event-driven products: a list of spikes says which rows of a table to add up.
//
// Included by the kernel files only, inside no namespace; everything lands in the namespace of the
// instruction set, so that the copies do not mix. Sums stay in registers while a list is walked,
// and are taken strictly in the order of the list: the same on every instruction set.
#pragma once

#include <immintrin.h>
#include <cstdint>
#include <utility>

namespace ranvier::detail::RV_ISA_NAMESPACE {
namespace {

#if RV_ISA_LEVEL >= 4
constexpr int lanes = 16;
constexpr int most_vectors = 16;  // of 32 registers
#elif RV_ISA_LEVEL == 3
constexpr int lanes = 8;
constexpr int most_vectors = 8;  // of 16
#else
constexpr int lanes = 4;
constexpr int most_vectors = 8;
#endif

typedef float Vector __attribute__((vector_size(lanes * sizeof(float)), aligned(alignof(float))));

inline Vector load(const float* from) { return *reinterpret_cast<const Vector*>(from); }
inline void store(float* to, Vector value) { *reinterpret_cast<Vector*>(to) = value; }

/// Writes the positions of the set bits of `number` words, counted from `base`, in ascending
/// order; `list` has room for 64 more than there can be. Returns their number.
inline std::int64_t list_spikes(const std::uint64_t* words, std::int64_t number, std::uint32_t base,
                                std::uint32_t* list) {
  std::uint32_t* end = list;
  for (std::int64_t i = 0; i < number; ++i, base += 64) {
    std::uint64_t word = words[i];
#if RV_ISA_LEVEL >= 4
    // Compress into a register and store it whole: compressing into memory is slow on AMD.
    if (word == 0) continue;
    __m512i position =
        _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(base)),
                         _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    for (int part = 0; part < 4; ++part) {
      const auto mask = static_cast<__mmask16>(word >> (16 * part));
      _mm512_storeu_si512(end, _mm512_maskz_compress_epi32(mask, position));
      end += __builtin_popcount(mask);
      position = _mm512_add_epi32(position, _mm512_set1_epi32(16));
    }
#else
    for (; word != 0; word &= word - 1)
      *end++ = base + static_cast<std::uint32_t>(__builtin_ctzll(word));
#endif
  }
  return end - list;
}

/// Copies a list, each entry plus `offset`; writes up to 15 entries more and reads as many, so
/// that short lists take no branch. Returns the end of the copy.
inline std::uint32_t* append_list(const std::uint32_t* from, std::int64_t number,
                                  std::uint32_t offset, std::uint32_t* to) {
  typedef std::uint32_t Indices __attribute__((vector_size(64), aligned(alignof(std::uint32_t))));
  for (std::int64_t i = 0; i < number; i += 16)
    *reinterpret_cast<Indices*>(to + i) = *reinterpret_cast<const Indices*>(from + i) + offset;
  return to + number;
}

/// The rows of a table that are added up: row list[i] is at table + list[i] * stride.
struct Rows {
  const std::uint32_t* list;
  std::int64_t number;
  const float* table;
  std::int64_t stride;
};

/// What happens to the sums before and after a walk.
struct Sums {
  float* out;
  const float* bias;  ///< added at the end; null for none
  bool resume;        ///< sums go on from what `out` holds, else from zero
  bool add_to_out;    ///< the finished sums are added to what `out` holds
};

template <int Z>
void walk_vectors(const Rows& rows, std::int64_t column, const Sums& sums) {
  const float* const table = rows.table + column;
  float* const out = sums.out + column;
  Vector sum[Z];
  for (int z = 0; z < Z; ++z) sum[z] = sums.resume ? load(out + z * lanes) : Vector{};
  for (std::int64_t i = 0; i < rows.number; ++i) {
    const float* const row = table + rows.list[i] * rows.stride;
#pragma GCC unroll 16
    for (int z = 0; z < Z; ++z) sum[z] += load(row + z * lanes);
  }
  for (int z = 0; z < Z; ++z) {
    if (sums.add_to_out) sum[z] = load(out + z * lanes) + sum[z];
    if (sums.bias != nullptr) sum[z] += load(sums.bias + column + z * lanes);
    store(out + z * lanes, sum[z]);
  }
}

/// As `walk_vectors` for the `columns` from `column` on, fewer than a vector has.
inline void walk_tail(const Rows& rows, std::int64_t column, std::int64_t columns,
                      const Sums& sums) {
#if RV_ISA_LEVEL >= 4
  const auto mask = static_cast<__mmask16>((1u << columns) - 1);
  const float* const table = rows.table + column;
  float* const out = sums.out + column;
  __m512 sum = sums.resume ? _mm512_maskz_loadu_ps(mask, out) : _mm512_setzero_ps();
  for (std::int64_t i = 0; i < rows.number; ++i)
    sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, table + rows.list[i] * rows.stride));
  if (sums.add_to_out) sum = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, out), sum);
  if (sums.bias != nullptr)
    sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, sums.bias + column));
  _mm512_mask_storeu_ps(out, mask, sum);
#else
  for (const std::int64_t end = column + columns; column < end; ++column) {
    float sum = sums.resume ? sums.out[column] : 0;
    for (std::int64_t i = 0; i < rows.number; ++i)
      sum += rows.table[rows.list[i] * rows.stride + column];
    if (sums.add_to_out) sum = sums.out[column] + sum;
    if (sums.bias != nullptr) sum += sums.bias[column];
    sums.out[column] = sum;
  }
#endif
}

using Walk = void (*)(const Rows&, std::int64_t, const Sums&);

struct Walks {
  Walk of_vectors[most_vectors];
};

template <int... Z>
constexpr Walks make_walks(std::integer_sequence<int, Z...>) {
  return {{walk_vectors<Z + 1>...}};
}

/// Adds up the first `columns` columns of the rows.
inline void walk(const Rows& rows, std::int64_t columns, const Sums& sums) {
  static constexpr Walks walks = make_walks(std::make_integer_sequence<int, most_vectors>());
  for (std::int64_t column = 0; column < columns;) {
    const std::int64_t whole = (columns - column) / lanes;
    const std::int64_t vectors = whole < most_vectors ? whole : most_vectors;
    if (vectors == 0) return walk_tail(rows, column, columns - column, sums);
    walks.of_vectors[vectors - 1](rows, column, sums);
    column += vectors * lanes;
  }
}

}  // namespace
}  // namespace ranvier::detail::RV_ISA_NAMESPACE
