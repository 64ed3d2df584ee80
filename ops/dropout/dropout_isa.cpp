#include "ranvier/core/philox.h"
#include "ranvier/ops/dropout/detail/dropout_kernels.h"

namespace ranvier::dropout_detail::RV_ISA_NAMESPACE {
namespace {

constexpr std::int64_t chunk = 16 * tile;

// The random words of the tiles that cover [begin, end), at most `chunk` elements.
void draw(const Mask& mask, std::int64_t begin, std::int64_t end, std::uint32_t* __restrict words) {
  for (std::int64_t at = begin; at < end; at += tile, words += tile) {
    const std::uint64_t block = mask.first_block + static_cast<std::uint64_t>(at / words_per_block);
#pragma omp simd
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const PhiloxWords drawn = philox(mask.seed, block + static_cast<std::uint64_t>(lane));
      words[lane] = drawn.word[0];
      words[lanes + lane] = drawn.word[1];
      words[2 * lanes + lane] = drawn.word[2];
      words[3 * lanes + lane] = drawn.word[3];
    }
  }
}

template <class R>
void scale_kept(const std::uint32_t* __restrict words, std::uint32_t threshold, R scale,
                const R* __restrict x, R* __restrict y, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const R scaled = x[i] * scale;
    y[i] = words[i] >= threshold ? scaled : R(0);
  }
}

template <class R>
void apply(const Mask& mask, const Span<R>& span) {
  alignas(64) std::uint32_t words[chunk];
  for (std::int64_t begin = span.begin; begin < span.end; begin += chunk) {
    const std::int64_t length = begin + chunk < span.end ? chunk : span.end - begin;
    draw(mask, begin, begin + length, words);
    const std::int64_t skipped = span.origin > begin ? span.origin - begin : 0;
    for (std::int64_t step = 0; step < span.steps; ++step) {
      const std::int64_t at = step * span.count + begin + skipped - span.origin;
      scale_kept(words + skipped, mask.threshold, span.scale, span.x + at, span.y + at,
                 length - skipped);
    }
  }
}

}  // namespace

const Kernels kernels{apply<float>, apply<double>};

}  // namespace ranvier::dropout_detail::RV_ISA_NAMESPACE
