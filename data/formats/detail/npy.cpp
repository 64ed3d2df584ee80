#include "ranvier/data/formats/detail/npy.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "ranvier/core/dtype.h"

namespace ranvier::detail {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr double most = 0x1p53;  // f64 holds all integers up to here

}  // namespace

void NpyArray::fail_array(const std::string& what) const {
  fail(ErrorCode::format, "[{}] {}: {}.", place_.reader, place_.file, what);
}

NpyArray::NpyArray(Bytes content, const ReadPlace& place) : place_(place), content_(content) {
  const std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
  if (!text.starts_with(magic) || text.size() < 12)
    fail_array("it does not begin as a NumPy array does, with 93 4e 55 4d 50 59");
  const int version = content[6];
  if (version < 1 || version > 3 || content[7] != 0)
    fail_array(
        fmt::format("it is of version {}.{}; 1.0, 2.0 and 3.0 are read", version, content[7]));
  const std::size_t begin = version == 1 ? 10 : 12;
  const std::size_t length =
      version == 1 ? load_le<std::uint16_t>(&content[8]) : load_le<std::uint32_t>(&content[8]);
  if (length > text.size() - begin)
    fail_array(fmt::format("its header takes {} bytes; {} are left", length, text.size() - begin));
  NpyHeader header;
  if (const std::string error = parse_npy_header(text.substr(begin, length), header);
      !error.empty())
    fail_array(error);
  if (header.shape.size() != 1)
    fail_array(fmt::format("it has {} axes; columns of events have one", header.shape.size()));
  for (const NpyHeader::Field& field : header.fields) add_column(field);
  if (columns_.empty()) fail_array("its records are empty");
  size_ = header.shape[0];
  first_ = static_cast<std::int64_t>(begin + length);
  const std::int64_t held = static_cast<std::int64_t>(text.size()) - first_;
  if (held % record_bytes_ != 0 || held / record_bytes_ != size_)
    fail_array(fmt::format("it declares {} elements of {} bytes, and holds {} bytes", size_,
                           record_bytes_, held));
}

void NpyArray::add_column(const NpyHeader::Field& field) {
  std::string_view type = field.type;
  if (type == "?") type = "b1";
  const char order = type.empty() ? ' ' : type[0];
  if (order == '<' || order == '=' || order == '|' || order == '>') type.remove_prefix(1);
  const char kind = type.empty() ? ' ' : type[0];
  const std::int64_t bytes = type.size() == 2 ? type[1] - '0' : 0;
  const bool power = bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
  const bool number = (kind == 'b' && bytes == 1) || ((kind == 'i' || kind == 'u') && power) ||
                      (kind == 'f' && power && bytes > 1);
  if (!number || (order == '>' && bytes > 1))
    fail_array(
        fmt::format("its elements are of type \"{}\"; little-endian integers, "
                    "floating-point numbers and booleans are read",
                    field.type));
  columns_.push_back({.name = field.name, .kind = kind, .bytes = bytes, .offset = record_bytes_});
  record_bytes_ += bytes;
}

const NpyArray::Column* NpyArray::find(std::string_view field) const {
  const auto found = std::find_if(columns_.begin(), columns_.end(),
                                  [&](const Column& column) { return column.name == field; });
  return found == columns_.end() ? nullptr : &*found;
}

const NpyArray::Column& NpyArray::require(std::string_view field) const {
  const Column* column = find(field);
  if (column == nullptr)
    fail_array(field.empty() ? "its elements are records; plain numbers are needed"
                             : fmt::format("it has no field '{}'", field));
  return *column;
}

template <class Load>
void NpyArray::convert(const Column& column, double scale, std::vector<std::int64_t>& out,
                       Load&& load) const {
  out.resize(static_cast<std::size_t>(size_));
  const double factor = column.kind == 'f' ? scale : 1;
  const std::uint8_t* at = content_.data() + first_ + column.offset;
  for (std::int64_t i = 0; i < size_; ++i, at += record_bytes_) {
    const double value = std::nearbyint(static_cast<double>(load(at)) * factor);
    if (!(std::abs(value) <= most))
      fail_at(place_, "element", i, first_ + i * record_bytes_ + column.offset,
              fmt::format("it is {}; numbers must lie within 2^53 of 0", load(at)));
    out[static_cast<std::size_t>(i)] = static_cast<std::int64_t>(value);
  }
}

void NpyArray::read(std::string_view field, double scale, std::vector<std::int64_t>& out) const {
  const Column& column = require(field);
  const auto as = [&]<class Raw, class Value>(Raw, Value) {
    convert(column, scale, out,
            [](const std::uint8_t* at) { return std::bit_cast<Value>(load_le<Raw>(at)); });
  };
  constexpr std::uint8_t u8 = 0;
  constexpr std::uint16_t u16 = 0;
  constexpr std::uint32_t u32 = 0;
  constexpr std::uint64_t u64 = 0;
  switch (column.kind << 4 | column.bytes) {
    case 'b' << 4 | 1:
      return convert(column, scale, out, [](const std::uint8_t* at) { return *at != 0 ? 1 : 0; });
    case 'u' << 4 | 1:
      return as(u8, u8);
    case 'u' << 4 | 2:
      return as(u16, u16);
    case 'u' << 4 | 4:
      return as(u32, u32);
    case 'u' << 4 | 8:
      return as(u64, u64);
    case 'i' << 4 | 1:
      return as(u8, std::int8_t{});
    case 'i' << 4 | 2:
      return as(u16, std::int16_t{});
    case 'i' << 4 | 4:
      return as(u32, std::int32_t{});
    case 'i' << 4 | 8:
      return as(u64, std::int64_t{});
    case 'f' << 4 | 2:
      return convert(column, scale, out, [](const std::uint8_t* at) {
        return to_float(float16{load_le<std::uint16_t>(at)});
      });
    case 'f' << 4 | 4:
      return as(u32, float{});
    default:
      return as(u64, double{});
  }
}

}  // namespace ranvier::detail
