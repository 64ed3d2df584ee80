#include "ranvier/core/random.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "ranvier/core/parallel.h"
#include "ranvier/core/philox.h"

namespace ranvier {
namespace {

constexpr std::int64_t grain_blocks = 1 << 13;

thread_local Generator* of_this_thread = nullptr;  // null: the process's

/// Fills a new tensor four values at a time: `values(words, out)` turns one Philox block into four.
template <class Values>
Tensor generate(const Shape& shape, Generator& generator, Values values) {
  Tensor result = empty(shape);
  const std::int64_t count = result.numel();
  const std::uint64_t first = generator.reserve(count);
  float* out = result.mutable_data<float>();
  parallel_for(0, (count + 3) / 4, grain_blocks, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      float four[4];
      values(philox(generator.seed, first + static_cast<std::uint64_t>(block)), four);
      for (std::int64_t i = 0; i < 4 && block * 4 + i < count; ++i) out[block * 4 + i] = four[i];
    }
  });
  return result;
}

}  // namespace

Generator& default_generator() {
  static Generator instance;
  return of_this_thread == nullptr ? instance : *of_this_thread;
}

GeneratorScope::GeneratorScope(Generator& generator)
    : previous_(std::exchange(of_this_thread, &generator)) {}

GeneratorScope::~GeneratorScope() { of_this_thread = previous_; }

void seed(std::uint64_t value) { default_generator() = Generator{value, 0}; }

Tensor uniform(const Shape& shape, double low, double high, Generator& generator) {
  const auto offset = static_cast<float>(low);
  const auto range = static_cast<float>(high - low);
  RV_CHECK(low <= high && std::isfinite(range),
           "[uniform] low must be <= high, and their distance a number of f32; got {} and {}.", low,
           high);
  // Numbers may lie further apart there than in [0, 1), so that the sum rounds to `high`.
  const float below = std::nextafter(static_cast<float>(high), -INFINITY);
  const float largest = std::max(offset, below);
  return generate(shape, generator, [=](const PhiloxWords& words, float* out) {
    for (int i = 0; i < 4; ++i)
      out[i] = std::min(offset + range * uniform_from_bits(words.word[i]), largest);
  });
}

Tensor normal(const Shape& shape, double mean, double deviation, Generator& generator) {
  RV_CHECK(deviation >= 0, "[normal] deviation must be >= 0; got {}.", deviation);
  return generate(shape, generator, [=](const PhiloxWords& words, float* out) {
    for (int i = 0; i < 4; i += 2) {
      // 1 - u lies in (0, 1], so the logarithm is finite.
      const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform_from_bits(words.word[i])));
      const double angle = 2.0 * std::numbers::pi * uniform_from_bits(words.word[i + 1]);
      out[i] = static_cast<float>(mean + deviation * radius * std::cos(angle));
      out[i + 1] = static_cast<float>(mean + deviation * radius * std::sin(angle));
    }
  });
}

}  // namespace ranvier
