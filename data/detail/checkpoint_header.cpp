#include "ranvier/data/detail/checkpoint_header.h"

#include <fmt/core.h>
#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "ranvier/core/error.h"

namespace ranvier::detail {
namespace {

constexpr std::string_view magic = "Ranvier checkpoint, format ";

std::string header_text(int format, const CheckpointSeal& seal) {
  return fmt::format(
      "{}{}\nbytes {}\ncrc32 {:08x}\ncontents at {}, bytes {}\nHDF5 data follow at byte {}.\n",
      magic, format, seal.file_bytes, seal.crc, seal.contents.offset, seal.contents.length,
      checkpoint_header_size);
}

/// Takes `label` and a number off the front of `text`; false if they are not there.
template <class Number>
bool take(std::string_view& text, std::string_view label, Number& number, int base) {
  if (!text.starts_with(label)) return false;
  text.remove_prefix(label.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc();
}

}  // namespace

CheckpointHeader make_checkpoint_header(const CheckpointSeal& seal) {
  CheckpointHeader header = {};
  const std::string text = header_text(checkpoint_format, seal);
  std::copy(text.begin(), text.end(), header.begin());
  return header;
}

CheckpointSeal parse_checkpoint_header(std::span<const std::uint8_t> header,
                                       const std::string& file) {
  std::string_view text(reinterpret_cast<const char*>(header.data()), header.size());
  int format = 0;
  if (!take(text, magic, format, 10))
    fail(ErrorCode::format, "[checkpoint] {} is not a checkpoint: it must begin with \"{}\".", file,
         magic);
  if (format != checkpoint_format)
    fail(ErrorCode::format, "[checkpoint] {} is of format {}; this build reads format {}.", file,
         format, checkpoint_format);
  CheckpointSeal seal;
  const bool complete = take(text, "\nbytes ", seal.file_bytes, 10) &&
                        take(text, "\ncrc32 ", seal.crc, 16) &&
                        take(text, "\ncontents at ", seal.contents.offset, 10) &&
                        take(text, ", bytes ", seal.contents.length, 10);
  const CheckpointHeader expected = make_checkpoint_header(seal);
  if (!complete || !std::equal(header.begin(), header.end(), expected.begin(), expected.end()))
    fail(ErrorCode::format, "[checkpoint] {} is damaged in its first {} bytes.", file,
         checkpoint_header_size);
  return seal;
}

std::uint32_t crc32_of(std::span<const std::uint8_t> bytes, std::uint32_t crc) {
  return static_cast<std::uint32_t>(crc32_z(crc, bytes.data(), bytes.size()));
}

}  // namespace ranvier::detail
