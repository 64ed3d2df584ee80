#include "ranvier/data/formats/detail/flatbuffer.h"

#include <fmt/core.h>

namespace ranvier::detail {
namespace {
constexpr std::int64_t prefix_bytes = 4;  // the length, before everything else
}

std::string_view flatbuffer_identifier(Bytes buffer) {
  if (buffer.size() < prefix_bytes + 8) return {};
  return {reinterpret_cast<const char*>(buffer.data()) + prefix_bytes + 4, 4};
}

FlatTable::FlatTable(Bytes buffer, std::string_view identifier, const ReadPart& part)
    : buffer_(buffer), part_(part) {
  const std::int64_t held = static_cast<std::int64_t>(buffer.size()) - prefix_bytes;
  if (const std::int64_t length = load<std::uint32_t>(0); length != held)
    part_.fail(fmt::format("its content says that {} bytes follow; {} do", length, held));
  if (flatbuffer_identifier(buffer) != identifier)
    part_.fail(fmt::format("its content does not begin as \"{}\" does", identifier));
  table_ = prefix_bytes + load<std::uint32_t>(prefix_bytes);
  vtable_ = table_ - static_cast<std::int32_t>(load<std::uint32_t>(table_));
  vtable_bytes_ = load<std::uint16_t>(vtable_);
  require(vtable_, vtable_bytes_);
}

void FlatTable::require(std::int64_t at, std::int64_t bytes) const {
  const auto size = static_cast<std::int64_t>(buffer_.size());
  if (at < 0 || at > size || bytes > size - at)
    part_.fail(fmt::format("its content needs the bytes {} to {} of {}", at, at + bytes - 1, size));
}

std::int64_t FlatTable::field_at(int field, std::int64_t bytes) const {
  const std::int64_t entry = 4 + 2 * std::int64_t{field};
  if (entry + 2 > vtable_bytes_) return 0;
  const std::int64_t offset = load<std::uint16_t>(vtable_ + entry);
  if (offset == 0) return 0;
  require(table_ + offset, bytes);
  return table_ + offset;
}

Bytes FlatTable::vector(int field, std::int64_t element_bytes) const {
  const std::int64_t at = field_at(field, sizeof(std::uint32_t));
  if (at == 0) return {};
  const std::int64_t count_at = at + load<std::uint32_t>(at);
  const std::int64_t bytes = load<std::uint32_t>(count_at) * element_bytes;
  require(count_at + 4, bytes);
  return buffer_.subspan(static_cast<std::size_t>(count_at + 4), static_cast<std::size_t>(bytes));
}

std::string_view FlatTable::text(int field) const {
  const Bytes bytes = vector(field, 1);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace ranvier::detail
