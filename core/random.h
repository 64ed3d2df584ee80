// The process-wide, seedable, resumable source of randomness.
#pragma once

#include <cstdint>

#include "ranvier/core/tensor.h"

namespace ranvier {

/// A position in a Philox stream. Each draw reserves a range of blocks, so results do not depend
/// on threads or devices, and saving these two numbers saves the generator.
struct Generator {
  std::uint64_t seed = 0;
  std::uint64_t next_block = 0;  ///< blocks of four words handed out so far

  /// Reserves enough blocks for `words` 32-bit words and returns the first block.
  std::uint64_t reserve(std::int64_t words) {
    const std::uint64_t first = next_block;
    next_block += (static_cast<std::uint64_t>(words) + 3) / 4;
    return first;
  }
};

/// Where the numbers of one draw begin.
struct RandomPlace {
  std::uint64_t seed = 0;
  std::uint64_t first_block = 0;
  /// Defined inside a `GraphRandom::Recording`: seed and block, i64 [2] on the device, that hold
  /// instead of `seed` and are added to `first_block` when the draw is replayed.
  Tensor base{};
};

/// The generator that initialisers, dropout and encoders draw from.
Generator& default_generator();
/// While alive, `generator` is the default generator of this thread: ranks that are threads of one
/// process have a stream each, as processes do.
class GeneratorScope {
 public:
  explicit GeneratorScope(Generator& generator);
  ~GeneratorScope();
  GeneratorScope(const GeneratorScope&) = delete;
  GeneratorScope& operator=(const GeneratorScope&) = delete;

 private:
  Generator* previous_;
};
/// Restarts the default generator.
void seed(std::uint64_t value);

/// Reserves enough blocks of `generator` for `words` 32-bit words that work on `device` draws.
RandomPlace reserve_blocks(std::int64_t words, Device device,
                           Generator& generator = default_generator());

/// f32 uniform in [low, high). Error: low > high, or a distance that is no number of f32.
Tensor uniform(const Shape& shape, double low, double high,
               Generator& generator = default_generator());
/// f32 normal (Box-Muller). Error: deviation < 0.
Tensor normal(const Shape& shape, double mean, double deviation,
              Generator& generator = default_generator());

}  // namespace ranvier
