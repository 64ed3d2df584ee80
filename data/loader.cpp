#include "ranvier/data/loader.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "ranvier/core/philox.h"
#include "ranvier/data/detail/streams.h"

namespace ranvier::detail {

void check_loader_options(const LoaderOptions& options, std::int64_t samples) {
  RV_CHECK(samples > 0, "[loader] the data set is empty.");
  RV_CHECK(options.batch_size >= 1, "[loader] batch_size must be >= 1; got {}.",
           options.batch_size);
  RV_CHECK(options.workers >= 0, "[loader] workers must be >= 0; got {}.", options.workers);
  RV_CHECK(options.prefetch >= 1, "[loader] prefetch must be >= 1; got {}.", options.prefetch);
  const auto& [index, parts, rounds] = options.part;
  RV_CHECK(parts >= 1 && index >= 0 && index < parts,
           "[loader] a batch has no part {} of {}; parts count from 0.", index, parts);
  RV_CHECK(rounds == 1 ||
               (rounds > 1 && options.drop_last && options.batch_size % (rounds * parts) == 0),
           "[loader] {} rounds times {} parts must divide batches of {}, and drop_last be set.",
           rounds, parts, options.batch_size);
  RV_CHECK(!options.drop_last || options.batch_size <= samples,
           "[loader] drop_last leaves no batch: the data set has {} samples and batch_size is {}.",
           samples, options.batch_size);
}

void check_cursor(const LoaderCursor& cursor, std::int64_t batches) {
  RV_CHECK(cursor.epoch >= 0, "[loader] the epoch must be >= 0; got {}.", cursor.epoch);
  RV_CHECK(cursor.batch >= 0 && cursor.batch <= batches,
           "[loader] an epoch has batches 0 to {}; it cannot begin at batch {}.", batches - 1,
           cursor.batch);
}

void write_order(std::span<std::int64_t> order, bool shuffle, const Draw& draw) {
  std::iota(order.begin(), order.end(), 0);
  if (!shuffle) return;
  const std::uint64_t shuffle_stream = stream(StreamUse::shuffle, draw.epoch);
  for (std::size_t i = order.size(); i-- > 1;) {
    // 32 bits for the integer part of i + 1 choices and 32 for its fraction: every choice has the
    // same probability to within (i + 1) / 2^64.
    const PhiloxWords random = philox(draw.seed, i, shuffle_stream);
    const std::uint64_t bits = (std::uint64_t{random.word[0]} << 32) | random.word[1];
    const auto choice =
        static_cast<std::size_t>((static_cast<unsigned __int128>(bits) * (i + 1)) >> 64);
    std::swap(order[i], order[choice]);
  }
}

void deal_rounds(std::span<std::int64_t> order, std::int64_t batch_size, const BatchPart& part) {
  const auto& [index, parts, rounds] = part;
  if (parts == 1 || rounds == 1) return;
  const std::int64_t share = batch_size / (parts * rounds);  // [rounds, parts, share] transposed
  std::vector<std::int64_t> batch(static_cast<std::size_t>(batch_size));
  for (; static_cast<std::int64_t>(order.size()) >= batch_size;
       order = order.subspan(batch.size())) {
    auto next = batch.begin();
    for (std::int64_t p = 0; p < parts; ++p)
      for (std::int64_t r = 0; r < rounds; ++r)
        next = std::copy_n(order.begin() + (r * parts + p) * share, share, next);
    std::copy(batch.begin(), batch.end(), order.begin());
  }
}

Generator batch_generator(const Draw& draw, std::int64_t batch) {
  const PhiloxWords random =
      philox(draw.seed, static_cast<std::uint64_t>(batch), stream(StreamUse::batch, draw.epoch));
  return {.seed = (std::uint64_t{random.word[0]} << 32) | random.word[1]};
}

void rethrow_from_batch(const LoaderCursor& cursor) {
  rethrow_in_context(fmt::format("[loader] batch {} of epoch {}: ", cursor.batch, cursor.epoch));
}

}  // namespace ranvier::detail
