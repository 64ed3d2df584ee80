#include "ranvier/data/formats/detail/unpack.h"

#include <fmt/core.h>
#include <lz4frame.h>
#include <zstd.h>

#include "ranvier/data/formats/detail/read_growing.h"

namespace ranvier::detail {
namespace {

/// What one call of a library did.
struct Step {
  std::size_t consumed, produced;
  bool finished;      // the frame ended
  const char* error;  // or null
};

/// Calls `step(rest of packed, room)` until the frame ends; `out` grows with what comes out.
template <class Call>
void unpack(Bytes packed, std::int64_t limit, std::vector<std::uint8_t>& out, const ReadPart& part,
            Call&& step) {
  std::size_t made = 0;
  bool finished = false;
  const auto read = [&](std::span<std::uint8_t> room) {
    const std::size_t before = made;
    while (!finished && made == before) {
      const Step done = step(packed, room);
      if (done.error != nullptr)
        part.fail(fmt::format("it is damaged after {} unpacked bytes ({})", made, done.error));
      packed = packed.subspan(done.consumed);
      made += done.produced;
      finished = done.finished;
      if (!finished && done.consumed == 0 && done.produced == 0)
        part.fail(fmt::format("it is cut: it ends after {} unpacked bytes", made));
    }
    return made - before;
  };
  if (!read_growing(limit, out, read))
    part.fail(fmt::format("it unpacks to more than {} bytes", limit));
  if (!packed.empty())
    part.fail(fmt::format("{} bytes follow the end of its content", packed.size()));
}

}  // namespace

Unpacker::Unpacker() {
  LZ4F_dctx* context = nullptr;
  LZ4F_createDecompressionContext(&context, LZ4F_VERSION);
  lz4_.reset(context);
  zstd_.reset(ZSTD_createDCtx());
  RV_ASSERT(lz4_ != nullptr && zstd_ != nullptr, "[unpack] LZ4 or Zstandard does not start");
}

Unpacker::~Unpacker() = default;
void Unpacker::Free::operator()(LZ4F_dctx* context) const {
  LZ4F_freeDecompressionContext(context);
}
void Unpacker::Free::operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }

void Unpacker::lz4(Bytes packed, std::int64_t limit, std::vector<std::uint8_t>& out,
                   const ReadPart& part) {
  LZ4F_resetDecompressionContext(lz4_.get());
  unpack(packed, limit, out, part, [&](Bytes in, std::span<std::uint8_t> room) -> Step {
    std::size_t consumed = in.size(), produced = room.size();
    const std::size_t status =
        LZ4F_decompress(lz4_.get(), room.data(), &produced, in.data(), &consumed, nullptr);
    if (LZ4F_isError(status)) return {0, 0, false, LZ4F_getErrorName(status)};
    return {consumed, produced, status == 0, nullptr};
  });
}

void Unpacker::zstd(Bytes packed, std::int64_t limit, std::vector<std::uint8_t>& out,
                    const ReadPart& part) {
  ZSTD_DCtx_reset(zstd_.get(), ZSTD_reset_session_only);
  unpack(packed, limit, out, part, [&](Bytes in, std::span<std::uint8_t> room) -> Step {
    ZSTD_inBuffer source{in.data(), in.size(), 0};
    ZSTD_outBuffer target{room.data(), room.size(), 0};
    const std::size_t status = ZSTD_decompressStream(zstd_.get(), &target, &source);
    if (ZSTD_isError(status)) return {0, 0, false, ZSTD_getErrorName(status)};
    return {source.pos, target.pos, status == 0, nullptr};
  });
}

}  // namespace ranvier::detail
