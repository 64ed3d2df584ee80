// Compiled once per instruction set: the row kernels of all models and surrogates, and the two
// stores that the engine ends a row with. Nothing here may instantiate templates of the standard
// library: their code would be shared with files compiled for older processors.
#include <immintrin.h>

#include "ranvier/ops/neurons/detail/isa_kernels.h"
#include "ranvier/ops/neurons/detail/slopes.h"
#include "ranvier/ops/neurons/rows.h"

namespace ranvier::neurons::RV_ISA_NAMESPACE {
namespace {

template <class R>
constexpr RowTable<R> row_table() {
  RowTable<R> table{};
  AllNeurons::for_each([&]<class Model>(int model) {
    AllSurrogates::for_each([&]<class Surrogate>(int surrogate) {
      table.at[model][surrogate] = row_kernels<Model, SlopeOf<Model, Surrogate, R>, R>();
    });
  });
  return table;
}

constexpr std::int64_t line = 64;

void stream_line(const float* from, float* to) {
#if defined(__AVX512F__)
  _mm512_stream_ps(to, _mm512_loadu_ps(from));
#elif defined(__AVX__)
  for (int i = 0; i < 16; i += 8) _mm256_stream_ps(to + i, _mm256_loadu_ps(from + i));
#else
  for (int i = 0; i < 16; i += 4) _mm_stream_ps(to + i, _mm_loadu_ps(from + i));
#endif
}

template <class R>
void stream(const R* from, R* to, std::int64_t count) {
  constexpr std::int64_t per_line = line / sizeof(R);
  const std::int64_t misplaced = reinterpret_cast<std::uintptr_t>(to) % line / sizeof(R);
  std::int64_t i = 0;
  for (; i < count && (misplaced + i) % per_line != 0; ++i) to[i] = from[i];
  for (; i + per_line <= count; i += per_line)
    stream_line(reinterpret_cast<const float*>(from + i), reinterpret_cast<float*>(to + i));
  for (; i < count; ++i) to[i] = from[i];
}

template <class R>
std::uint64_t pack_some(const R* spikes, std::int64_t count) {
  std::uint64_t word = 0;
  for (std::int64_t i = 0; i < count; ++i) word |= std::uint64_t{spikes[i] != R(0)} << i;
  return word;
}

std::uint64_t pack_word(const double* spikes) { return pack_some(spikes, 64); }

std::uint64_t pack_word(const float* spikes) {
  std::uint64_t word = 0;
#if defined(__AVX512F__)
  for (int i = 0; i < 64; i += 16) {
    const __m512 row = _mm512_loadu_ps(spikes + i);
    word |= std::uint64_t{_mm512_cmp_ps_mask(row, _mm512_setzero_ps(), _CMP_NEQ_UQ)} << i;
  }
#else
  for (int i = 0; i < 64; i += 4) {
    const __m128 spiked = _mm_cmpneq_ps(_mm_loadu_ps(spikes + i), _mm_setzero_ps());
    word |= static_cast<std::uint64_t>(_mm_movemask_ps(spiked)) << i;
  }
#endif
  return word;
}

template <class R>
void pack(const R* spikes, std::uint64_t* words, std::int64_t count) {
  for (; count >= 64; count -= 64, spikes += 64) *words++ = pack_word(spikes);
  if (count > 0) *words = pack_some(spikes, count);
}

}  // namespace

extern constexpr IsaKernels<float> kernels_f32{row_table<float>(), stream<float>, pack<float>};
extern constexpr IsaKernels<double> kernels_f64{row_table<double>(), stream<double>, pack<double>};

}  // namespace ranvier::neurons::RV_ISA_NAMESPACE
