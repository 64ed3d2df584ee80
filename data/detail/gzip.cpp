#include "ranvier/data/detail/gzip.h"

#include <algorithm>
#include <utility>

#include "ranvier/core/error.h"

namespace ranvier::detail {
namespace {
constexpr int gzip_window_bits = 15 + 16;            // the largest window, in a gzip wrapping
constexpr std::size_t piece = std::size_t{1} << 30;  // zlib counts in 32 bits
}  // namespace

bool is_gzip(std::span<const std::uint8_t> content) {
  return content.size() >= 2 && content[0] == 0x1f && content[1] == 0x8b;
}

GzipReader::GzipReader(std::span<const std::uint8_t> content, std::string name)
    : GzipReader(More(), std::move(name)) {
  rest_ = content;
}

GzipReader::GzipReader(More more, std::string name)
    : more_(std::move(more)), name_(std::move(name)) {
  RV_ASSERT(inflateInit2(&stream_, gzip_window_bits) == Z_OK, "[gzip] zlib does not start");
}

GzipReader::~GzipReader() { inflateEnd(&stream_); }

void GzipReader::feed() {
  if (stream_.avail_in > 0) return;
  if (rest_.empty() && more_ != nullptr) {
    rest_ = more_();
    if (rest_.empty()) more_ = nullptr;
  }
  const std::span<const std::uint8_t> given = rest_.first(std::min(piece, rest_.size()));
  rest_ = rest_.subspan(given.size());
  stream_.next_in = const_cast<std::uint8_t*>(given.data());
  stream_.avail_in = static_cast<uInt>(given.size());
}

bool GzipReader::next_member() {
  feed();
  return stream_.avail_in > 0 && inflateReset(&stream_) == Z_OK;
}

std::int64_t GzipReader::read(std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (!finished_) {
    feed();
    const std::size_t wanted = std::min(piece, out.size() - done);
    stream_.next_out = out.data() + done;
    stream_.avail_out = static_cast<uInt>(wanted);
    const int status = inflate(&stream_, Z_NO_FLUSH);
    const std::size_t made = wanted - stream_.avail_out;
    done += made;
    position_ += static_cast<std::int64_t>(made);
    if (status == Z_STREAM_END) {
      finished_ = !next_member();
      continue;
    }
    if (status != Z_OK && status != Z_BUF_ERROR)
      fail(ErrorCode::format, "[gzip] {} is damaged after {} unpacked bytes: {}.", name_, position_,
           stream_.msg != nullptr ? stream_.msg : "it needs a dictionary");
    if (done == out.size()) break;
    if (made == 0 && stream_.avail_in == 0 && rest_.empty() && more_ == nullptr)
      fail(ErrorCode::format, "[gzip] {} is truncated: it ends after {} unpacked bytes.", name_,
           position_);
  }
  return static_cast<std::int64_t>(done);
}

}  // namespace ranvier::detail
