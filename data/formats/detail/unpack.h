// Unpacking LZ4 and Zstandard frames that may be damaged or hostile.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ranvier/data/formats/detail/flatbuffer.h"

struct LZ4F_dctx_s;
struct ZSTD_DCtx_s;

namespace ranvier::detail {

/// Unpacks frames one after the other and keeps its memory between them. What a frame says about
/// its length is not believed: memory grows with what comes out.
class Unpacker {
 public:
  Unpacker();
  ~Unpacker();

  /// Overwrites `out` with the content of `packed`, which is one whole frame. Errors, which name
  /// `part`: the frame is damaged or cut, bytes follow it, or it holds more than `limit` bytes.
  void lz4(Bytes packed, std::int64_t limit, std::vector<std::uint8_t>& out, const ReadPart& part);
  void zstd(Bytes packed, std::int64_t limit, std::vector<std::uint8_t>& out, const ReadPart& part);

 private:
  struct Free {
    void operator()(LZ4F_dctx_s* context) const;
    void operator()(ZSTD_DCtx_s* context) const;
  };
  std::unique_ptr<LZ4F_dctx_s, Free> lz4_;
  std::unique_ptr<ZSTD_DCtx_s, Free> zstd_;
};

}  // namespace ranvier::detail
