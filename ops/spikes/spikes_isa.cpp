// The inner loops of packing: compares into mask registers where the processor has them.
#include <immintrin.h>

#include "ranvier/core/dtype.h"
#include "ranvier/ops/spikes/detail/spike_kernels_isa.h"

namespace ranvier::detail::RV_ISA_NAMESPACE {
namespace {

constexpr std::int64_t word_bits = 64;

// Bit i is set where values[i] is not zero, for the 64 values of a word.
std::uint64_t pack_word(const float* values) {
  std::uint64_t word = 0;
#if RV_ISA_LEVEL >= 4
  for (int i = 0; i < 4; ++i) {
    const __mmask16 set =
        _mm512_cmp_ps_mask(_mm512_loadu_ps(values + 16 * i), _mm512_setzero_ps(), _CMP_NEQ_UQ);
    word |= static_cast<std::uint64_t>(set) << (16 * i);
  }
#elif RV_ISA_LEVEL == 3
  for (int i = 0; i < 8; ++i) {
    const __m256 set =
        _mm256_cmp_ps(_mm256_loadu_ps(values + 8 * i), _mm256_setzero_ps(), _CMP_NEQ_UQ);
    word |= static_cast<std::uint64_t>(_mm256_movemask_ps(set)) << (8 * i);
  }
#else
  for (int i = 0; i < 16; ++i) {
    const __m128 set = _mm_cmpneq_ps(_mm_loadu_ps(values + 4 * i), _mm_setzero_ps());
    word |= static_cast<std::uint64_t>(_mm_movemask_ps(set)) << (4 * i);
  }
#endif
  return word;
}

void pack(const float* values, std::int64_t rows, std::int64_t columns, std::uint64_t* words) {
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* const end = values + columns;
    for (; values + word_bits <= end; values += word_bits) *words++ = pack_word(values);
    if (values == end) continue;
    std::uint64_t word = 0;
    for (int bit = 0; values != end; ++values, ++bit)
      word |= static_cast<std::uint64_t>(*values != 0.0f) << bit;
    *words++ = word;
  }
}

// `one` where a bit of `bits` is set, else 0; `bits` has as many bits as T and 32 at most.
template <class T, class Bits>
void unpack_part(Bits bits, T one, T* values) {
  constexpr int number = 8 * sizeof(Bits);
#pragma omp simd
  for (int i = 0; i < number; ++i)
    values[i] = (bits & static_cast<Bits>(Bits{1} << i)) != 0 ? one : T{0};
}

// Bits is as wide as T, so that a vector of tests becomes a vector of values without shuffles. A
// row's last part is written whole where the next rows overwrite what is too much.
template <class T, class Bits>
void unpack(const std::uint64_t* words, std::int64_t rows, std::int64_t columns, T one, T* values) {
  constexpr std::int64_t part_bits = 8 * sizeof(Bits);
  const T* const limit = values + rows * columns;
  for (; values != limit; values += columns, words += words_per_row(columns))
    for (std::int64_t first = 0; first < columns; first += part_bits) {
      const auto bits = static_cast<Bits>(words[first / word_bits] >> (first % word_bits));
      if (limit - (values + first) >= part_bits) {
        unpack_part(bits, one, values + first);
        continue;
      }
      for (T* value = values + first; value != limit; ++value)
        *value = (bits >> (value - values - first) & 1) != 0 ? one : T{0};
    }
}

void unpack_f32(const std::uint64_t* words, std::int64_t rows, std::int64_t columns,
                float* values) {
  unpack<float, std::uint32_t>(words, rows, columns, 1.0f, values);
}

void unpack_bf16(const std::uint64_t* words, std::int64_t rows, std::int64_t columns,
                 std::uint16_t* values) {
  constexpr std::uint16_t one = 0x3f80;
  unpack<std::uint16_t, std::uint16_t>(words, rows, columns, one, values);
}

std::int64_t count(const std::uint64_t* words, std::int64_t number) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < number; ++i) sum += __builtin_popcountll(words[i]);
  return sum;
}

// Swaps ever smaller off-diagonal squares (Warren, Hacker's Delight, 7-3).
void transpose_64x64(std::uint64_t* block) {
  std::uint64_t mask = 0x00000000ffffffff;
  for (int half = 32; half > 0; half >>= 1, mask ^= mask << half)
    for (int i = 0; i < 64; i = ((i | half) + 1) & ~half) {
      const std::uint64_t swapped = ((block[i] >> half) ^ block[i | half]) & mask;
      block[i] ^= swapped << half;
      block[i | half] ^= swapped;
    }
}

}  // namespace

extern const SpikeKernels spike_kernels{.pack = pack,
                                        .unpack_f32 = unpack_f32,
                                        .unpack_bf16 = unpack_bf16,
                                        .count = count,
                                        .transpose_64x64 = transpose_64x64};

}  // namespace ranvier::detail::RV_ISA_NAMESPACE
