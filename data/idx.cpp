#include "ranvier/data/idx.h"

#include <algorithm>
#include <array>
#include <vector>

#include "ranvier/data/detail/file.h"
#include "ranvier/data/detail/gzip.h"

namespace ranvier {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::int64_t max_header_bytes = 4 + 4 * Shape::max_rank;
// Deflate cannot pack tighter than 1032 : 1 (zlib's technical notes).
constexpr std::int64_t max_gzip_ratio = 1032;

/// Reads a plain file as `GzipReader` reads a packed one.
class PlainReader {
 public:
  explicit PlainReader(Bytes content) : rest_(content) {}
  std::int64_t read(std::span<std::uint8_t> out) {
    const std::size_t count = std::min(out.size(), rest_.size());
    std::copy_n(rest_.begin(), count, out.begin());
    rest_ = rest_.subspan(count);
    return static_cast<std::int64_t>(count);
  }

 private:
  Bytes rest_;
};

const char* element_type_name(std::uint8_t code) {
  switch (code) {
    case 0x09:
      return "i8";
    case 0x0b:
      return "i16";
    case 0x0c:
      return "i32";
    case 0x0d:
      return "f32";
    case 0x0e:
      return "f64";
    default:
      return "unknown";
  }
}

template <class Reader>
void read_header(Reader& reader, std::span<std::uint8_t> out, const std::string& name) {
  const std::int64_t count = reader.read(out);
  if (count != static_cast<std::int64_t>(out.size()))
    fail(ErrorCode::format, "[idx] {} is truncated: its header ends {} bytes early.", name,
         static_cast<std::int64_t>(out.size()) - count);
}

void check_magic(const std::array<std::uint8_t, 4>& magic, const std::string& name) {
  if (magic[0] != 0 || magic[1] != 0 || magic[3] < 1 || magic[3] > Shape::max_rank)
    fail(ErrorCode::format,
         "[idx] {} begins with the bytes {:02x} {:02x} {:02x} {:02x}; an IDX file of bytes begins "
         "with 00 00 08 and a rank from 01 to {:02x}.",
         name, magic[0], magic[1], magic[2], magic[3], +Shape::max_rank);
  if (magic[2] != 0x08)
    fail(ErrorCode::format, "[idx] {} has elements of type 0x{:02x} ({}); they must be 0x08 (u8).",
         name, magic[2], element_type_name(magic[2]));
}

/// `available` bounds what the file can hold, so that a wild header costs no memory.
template <class Reader>
Tensor parse(Reader reader, std::int64_t available, const std::string& name,
             const IdxOptions& options) {
  std::array<std::uint8_t, 4> magic;
  read_header(reader, magic, name);
  check_magic(magic, name);
  const int rank = magic[3];
  if (options.rank != 0 && rank != options.rank)
    fail(ErrorCode::format, "[idx] {} has rank {}; it must have rank {}.", name, rank,
         options.rank);

  std::array<std::uint8_t, 4 * Shape::max_rank> raw;
  const auto used = std::span(raw).first(4 * static_cast<std::size_t>(rank));
  read_header(reader, used, name);
  std::array<std::int64_t, Shape::max_rank> extents;
  std::int64_t count = 1;
  bool fits = true;
  for (std::size_t axis = 0; axis < static_cast<std::size_t>(rank); ++axis) {
    const std::uint8_t* b = &raw[4 * axis];
    extents[axis] = (std::int64_t{b[0]} << 24) | (b[1] << 16) | (b[2] << 8) | b[3];
    fits = !__builtin_mul_overflow(count, extents[axis], &count) && fits;
  }
  const Shape shape(std::span<const std::int64_t>(extents).first(static_cast<std::size_t>(rank)));
  if (!fits || count > options.max_bytes)
    fail(ErrorCode::format, "[idx] {} declares the shape {}; at most {} bytes are accepted.", name,
         shape, options.max_bytes);
  if (count > available)
    fail(ErrorCode::format,
         "[idx] {} is truncated: it declares the shape {}, {} bytes, and cannot hold more than {}.",
         name, shape, count, available);

  Tensor result = empty(shape, {.dtype = DType::u8});
  const std::int64_t held =
      reader.read({result.mutable_data<std::uint8_t>(), static_cast<std::size_t>(count)});
  if (held != count)
    fail(ErrorCode::format, "[idx] {} is truncated: it declares the shape {}, {} bytes; it has {}.",
         name, shape, count, held);
  std::uint8_t probe;
  if (reader.read({&probe, 1}) != 0)
    fail(ErrorCode::format, "[idx] {} declares the shape {}, {} bytes, but has more.", name, shape,
         count);
  return result;
}

}  // namespace

Tensor parse_idx(Bytes content, const std::string& name, const IdxOptions& options) {
  const auto size = static_cast<std::int64_t>(content.size());
  if (detail::is_gzip(content))
    return parse(detail::GzipReader(content, name), size * max_gzip_ratio, name, options);
  if (name.ends_with(".gz"))
    fail(ErrorCode::format, "[idx] {} is not a gzip file: it must begin with the bytes 1f 8b.",
         name);
  return parse(PlainReader(content), size, name, options);
}

Tensor read_idx(const std::filesystem::path& path, const IdxOptions& options) {
  const std::vector<std::uint8_t> content =
      detail::read_file("idx", path, options.max_bytes + max_header_bytes);
  return parse_idx(content, path.string(), options);
}

}  // namespace ranvier
