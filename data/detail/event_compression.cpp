#include "ranvier/data/detail/event_compression.h"

#include <zstd.h>

#include <memory>

namespace ranvier::detail {
namespace {

constexpr int level = 1;  // higher ones take several times longer for a few per cent

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

}  // namespace

void compress_events(std::span<const std::uint8_t> packed, std::vector<std::uint8_t>& stored) {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  RV_ASSERT(context != nullptr, "[cache] zstd does not start");
  stored.resize(ZSTD_compressBound(packed.size()));
  const std::size_t bytes = ZSTD_compressCCtx(context.get(), stored.data(), stored.size(),
                                              packed.data(), packed.size(), level);
  const bool worth_it =
      ZSTD_isError(bytes) == 0 && bytes < packed.size() && packed.size() / bytes < max_compression;
  if (worth_it)
    stored.resize(bytes);
  else
    stored.assign(packed.begin(), packed.end());
}

void decompress_events(std::span<const std::uint8_t> stored, std::uint64_t packed_bytes,
                       const PackedPlace& place, std::vector<std::uint8_t>& packed) {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  RV_ASSERT(context != nullptr, "[cache] zstd does not start");
  packed.resize(packed_bytes);
  const std::size_t bytes = ZSTD_decompressDCtx(context.get(), packed.data(), packed.size(),
                                                stored.data(), stored.size());
  require(bytes == packed_bytes, place, "it does not unpack to its length");
}

}  // namespace ranvier::detail
