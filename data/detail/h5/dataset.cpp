#include "ranvier/data/detail/h5/dataset.h"

#include <array>
#include <cmath>

#include "ranvier/data/detail/h5/layout.h"

namespace ranvier::detail::h5 {
namespace {

constexpr std::uint32_t longest_element = 1024;

/// Elements of a data set that must have one dimension.
std::uint64_t read_count(const Source& source, const Message& message, const std::string& name) {
  Cursor cursor(source, "dataspace message", message.address, message.data);
  const int version = cursor.u8(), rank = cursor.u8();
  cursor.require(version == 1 || version == 2, "is of an unknown version");
  cursor.skip(version == 1 ? 6 : 2);
  if (rank != 1)
    source.fail_file(name + " has rank " + std::to_string(rank) + "; it must have rank 1");
  return cursor.u64();
}

const Message& require_message(const Source& source, const Object& object, MessageType type,
                               const std::string& name) {
  const Message* message = object.find(type);
  if (message == nullptr) source.fail_file(name + " is no data set");
  return *message;
}

/// Walks over the objects of a heap.
class HeapWalk {
 public:
  HeapWalk(const Source& source, std::uint64_t address) : source_(source), address_(address) {
    end_ = address_ + source_.room(address_);
    const Bytes head = bytes(address_, 16);
    Cursor cursor(source_, "heap", address_, head);
    cursor.expect("GCOL");
    cursor.skip(4);
    const std::uint64_t length = cursor.u64();
    cursor.require(length >= 16 && source_.holds(address_, length), "is larger than the file");
    end_ = address_ + length;
  }

  /// The object called `index`, or one of length 0 at address 0.
  Piece find(std::uint32_t index) {
    std::uint64_t at = address_ + 16;
    // An object has 16 bytes at least; a name has 16 bits.
    for (int walked = 0; walked < 65536 && end_ - at >= 16; ++walked) {
      const Bytes head = bytes(at, 16);
      const std::uint64_t found = number(head.first(2)), length = number(head.subspan(8, 8));
      if (found == 0) break;  // the rest is free
      if (length > end_ - at - 16) break;
      if (found == index) return {at + 16, length};
      const std::uint64_t padded = (length + 7) / 8 * 8;
      if (padded > end_ - at - 16) break;
      at += 16 + padded;
    }
    return {};
  }

 private:
  /// `count` bytes at `at`, of a window that moves forwards.
  Bytes bytes(std::uint64_t at, std::uint64_t count) {
    if (at < window_begin_ || at + count > window_begin_ + window_bytes_) {
      const std::uint64_t available =
          std::max(count, std::min<std::uint64_t>(window_.size(), end_ - at));
      source_.read("heap", at, std::span(window_).first(available));
      window_begin_ = at;
      window_bytes_ = available;
    }
    return Bytes(window_).subspan(at - window_begin_, count);
  }

  const Source& source_;
  const std::uint64_t address_;
  std::uint64_t end_ = 0, window_begin_ = 0, window_bytes_ = 0;
  std::array<std::uint8_t, 512> window_;
};

std::string without_padding(std::string text) {
  text.resize(std::min(text.find('\0'), text.size()));
  text.resize(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace

List read_list(const Source& source, const Object& object, const std::string& name,
               std::uint64_t most) {
  List list;
  list.name = name;
  list.count =
      read_count(source, require_message(source, object, MessageType::dataspace, name), name);
  list.type = read_type(source, require_message(source, object, MessageType::datatype, name));
  if (list.count > most)
    source.fail_file(name + " has " + std::to_string(list.count) + " elements; at most " +
                     std::to_string(most) + " are accepted");
  std::uint64_t bytes = 0;
  if (list.type.size == 0 || list.type.size > longest_element ||
      __builtin_mul_overflow(list.count, std::uint64_t{list.type.size}, &bytes))
    source.fail_file(name + " has elements of " + std::to_string(list.type.size) + " bytes; 1 to " +
                     std::to_string(longest_element) + " are accepted");
  list.bytes = read_elements(source, object, name, list.count, list.type.size);
  return list;
}

std::vector<HeapReference> references(const List& list) {
  std::vector<HeapReference> result(list.count);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const Bytes stored = Bytes(list.bytes).subspan(16 * i, 16);
    result[i] = {.address = number(stored.subspan(4, 8)),
                 .index = static_cast<std::uint32_t>(number(stored.subspan(12, 4))),
                 .length = static_cast<std::uint32_t>(number(stored.first(4)))};
  }
  return result;
}

Piece locate(const Source& source, const HeapReference& reference, std::uint64_t bytes,
             const std::string& list, std::int64_t element) {
  if (bytes == 0) return {};
  const Piece piece = HeapWalk(source, reference.address).find(reference.index);
  if (piece.address == 0)
    source.fail_at("heap", reference.address,
                   "does not hold element " + std::to_string(element) + " of " + list);
  if (piece.length != bytes)
    source.fail_at("heap", reference.address,
                   "has " + std::to_string(piece.length) + " bytes for element " +
                       std::to_string(element) + " of " + list + ", which promises " +
                       std::to_string(bytes));
  return piece;
}

std::vector<std::string> texts(const Source& source, const List& list, std::uint64_t longest) {
  std::vector<std::string> result;
  const auto checked = [&](std::uint64_t length) {
    if (length > longest)
      source.fail_file(list.name + " has a text of " + std::to_string(length) + " bytes; at most " +
                       std::to_string(longest) + " are accepted");
    return length;
  };
  if (list.type.kind == TypeKind::text) {
    for (std::uint64_t i = 0; i < list.count; ++i) {
      const Bytes text = Bytes(list.bytes).subspan(i * checked(list.type.size), list.type.size);
      result.push_back(without_padding(std::string(text.begin(), text.end())));
    }
  } else if (list.type.kind == TypeKind::text_of_any_length) {
    for (const HeapReference& reference : references(list)) {
      const auto element = static_cast<std::int64_t>(result.size());
      const Piece piece = locate(source, reference, checked(reference.length), list.name, element);
      const auto text = source.read("text", piece.address, piece.length);
      result.push_back(without_padding(std::string(text.begin(), text.end())));
    }
  } else {
    source.fail_file(list.name + " must hold texts");
  }
  return result;
}

std::vector<std::int64_t> whole_numbers(const Source& source, List list) {
  if (list.type.kind != TypeKind::number) source.fail_file(list.name + " must hold numbers");
  to_machine_order(list.type.number, list.bytes);
  std::vector<std::int64_t> result(list.count);
  visit_number(list.type.number, [&]<class T>() {
    for (std::size_t i = 0; i < result.size(); ++i) {
      const T value = load<T>(list.bytes.data(), i);
      if constexpr (std::is_integral_v<T>) {
        result[i] = static_cast<std::int64_t>(value);
        if (std::is_signed_v<T> || result[i] >= 0) continue;
      } else {
        const double wide = widen(value);
        if (wide == std::trunc(wide) && std::abs(wide) < 0x1p62) {
          result[i] = static_cast<std::int64_t>(wide);
          continue;
        }
      }
      source.fail_file("element " + std::to_string(i) + " of " + list.name +
                       " must be a whole number; it is " + std::to_string(widen(value)));
    }
  });
  return result;
}

}  // namespace ranvier::detail::h5
