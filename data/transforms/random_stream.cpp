#include "ranvier/data/transforms/random_stream.h"

#include <algorithm>

#include "ranvier/core/philox.h"
#include "ranvier/data/detail/streams.h"

namespace ranvier {

// Every sample owns 2^32 blocks of its epoch's stream.
RandomStream::RandomStream(const Draw& draw, std::int64_t sample)
    : seed_(draw.seed),
      stream_(detail::stream(detail::StreamUse::transform, draw.epoch)),
      block_(static_cast<std::uint64_t>(sample) << 32) {}

void RandomStream::refill() {
  for (std::size_t i = 0; i < words_.size(); i += 4) {
    const PhiloxWords block = philox(seed_, block_++, stream_);
    std::copy_n(block.word, 4, words_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  next_ = 0;
}

}  // namespace ranvier
