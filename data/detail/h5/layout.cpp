#include "ranvier/data/detail/h5/layout.h"

#include <zlib.h>

#include <set>

namespace ranvier::detail::h5 {
namespace {

// Deflate cannot pack tighter than 1032 : 1 (zlib's technical notes).
constexpr std::uint64_t max_deflate_ratio = 1032;
constexpr const char* repack = "; h5repack writes the file anew in the earliest format";

struct Chunk {
  std::uint64_t first, address;
  std::uint32_t stored_bytes, skipped_filters;
};

/// The filters that chunks went through when they were written.
class Filters {
 public:
  Filters(const Source& source, const Object& object, const std::string& name) : name_(name) {
    const Message* message = object.find(MessageType::filters);
    if (message == nullptr) return;
    Cursor cursor(source, "filter message", message->address, message->data);
    cursor.require(!message->shared, "lies elsewhere, which is not read here");
    const std::uint8_t version = cursor.u8();
    cursor.require(version == 1 || version == 2, "is of an unknown version");
    const int count = cursor.u8();
    if (version == 1) cursor.skip(6);
    for (int i = 0; i < count; ++i) {
      const std::uint16_t id = cursor.u16();
      const std::uint16_t name_bytes = version == 1 || id >= 256 ? cursor.u16() : 0;
      cursor.skip(2);
      const std::uint16_t parameters = cursor.u16();
      cursor.skip(name_bytes);
      cursor.skip(4 * std::uint64_t{parameters});
      if (version == 1 && parameters % 2 == 1) cursor.skip(4);
      if (id != deflate && id != shuffle)
        source.fail_file(name + " went through filter " + std::to_string(id) +
                         "; only deflate (1) and shuffle (2) are read here");
      filters_.push_back(id);
    }
  }

  /// `stored`, as it was before the filters: `bytes` bytes of elements of `size`.
  std::vector<std::uint8_t> undo(const Source& source, const Chunk& chunk,
                                 std::vector<std::uint8_t> stored, std::uint64_t bytes,
                                 std::uint32_t size) const {
    for (std::size_t i = filters_.size(); i-- > 0;) {
      if ((chunk.skipped_filters >> i & 1) != 0) continue;
      if (filters_[i] == deflate)
        stored = inflated(source, chunk, stored, bytes);
      else
        stored = unshuffled(stored, size);
    }
    if (stored.size() != bytes)
      source.fail_at("chunk", chunk.address,
                     "of " + name_ + " has " + std::to_string(stored.size()) +
                         " bytes; it must have " + std::to_string(bytes));
    return stored;
  }

 private:
  static constexpr std::uint16_t deflate = 1, shuffle = 2;

  std::vector<std::uint8_t> inflated(const Source& source, const Chunk& chunk, Bytes packed,
                                     std::uint64_t bytes) const {
    if (bytes / max_deflate_ratio > packed.size())
      source.fail_at("chunk", chunk.address, "of " + name_ + " is too short for what it promises");
    std::vector<std::uint8_t> plain(bytes);
    uLongf length = plain.size();
    if (uncompress(plain.data(), &length, packed.data(), packed.size()) != Z_OK || length != bytes)
      source.fail_at("chunk", chunk.address, "of " + name_ + " cannot be unpacked");
    return plain;
  }

  /// Undoes HDF5's "all first bytes, then all second bytes, ...".
  static std::vector<std::uint8_t> unshuffled(const std::vector<std::uint8_t>& shuffled,
                                              std::uint32_t size) {
    std::vector<std::uint8_t> plain(shuffled);
    const std::size_t count = shuffled.size() / size;
    for (std::size_t byte = 0; byte < size; ++byte)
      for (std::size_t i = 0; i < count; ++i) plain[i * size + byte] = shuffled[byte * count + i];
    return plain;
  }

  const std::string& name_;
  std::vector<std::uint16_t> filters_;
};

/// The chunks of a data set of one dimension, from the B-tree that lists them.
class ChunkTree {
 public:
  ChunkTree(const Source& source, std::uint64_t root, std::uint64_t most)
      : source_(source), most_(most) {
    if (root != nowhere) read_node(root, -1);
  }
  const std::vector<Chunk>& chunks() const { return chunks_; }

 private:
  void read_node(std::uint64_t address, int level) {
    constexpr std::uint64_t key = 24, entry = key + 8;  // bytes, filters, two coordinates; address
    const char* what = "chunk tree";
    const auto head = source_.read(what, address, std::uint64_t{24});
    Cursor cursor(source_, what, address, head);
    cursor.require(visited_.insert(address).second, "is its own descendant");
    cursor.expect("TREE");
    cursor.require(cursor.u8() == 1, "is not one of chunks");
    const int own_level = cursor.u8();
    cursor.require(level < 0 || own_level == level, "has levels that do not fit");
    const std::uint64_t children = cursor.u16();
    const auto bytes = source_.read(what, address + 24, entry * children);
    Cursor entries(source_, what, address, bytes);
    for (std::uint64_t i = 0; i < children; ++i) {
      Chunk chunk;
      chunk.stored_bytes = entries.u32();
      chunk.skipped_filters = entries.u32();
      chunk.first = entries.u64();
      entries.skip(8);  // within the element
      chunk.address = entries.u64();
      if (own_level > 0) {
        read_node(chunk.address, own_level - 1);
        continue;
      }
      cursor.require(chunks_.size() < most_, "has more chunks than there are");
      chunks_.push_back(chunk);
    }
  }

  const Source& source_;
  const std::uint64_t most_;
  std::set<std::uint64_t> visited_;
  std::vector<Chunk> chunks_;
};

/// Reads the elements by the layout message.
class Reader {
 public:
  Reader(const Source& source, const Object& object, const std::string& name, std::uint64_t count,
         std::uint32_t size)
      : source_(source),
        object_(object),
        name_(name),
        count_(count),
        size_(size),
        bytes_(count * size) {}

  std::vector<std::uint8_t> read() {
    const Message* message = object_.find(MessageType::layout);
    if (message == nullptr) source_.fail_file(name_ + " has no layout, so it is no data set");
    Cursor cursor(source_, "layout message", message->address, message->data);
    const int version = cursor.u8();
    if (version == 1 || version == 2) return read_versions_1_and_2(cursor);
    cursor.require(version == 3 || version == 4, "is of an unknown version");
    switch (cursor.u8()) {
      case compact:
        return copy(cursor, cursor.u16());
      case contiguous:
        return read_piece(cursor.u64());
      case chunked:
        if (version == 4) return read_single_chunk(cursor);
        break;
      default:
        cursor.fail("is of an unknown class");
    }
    const int dimensions = cursor.u8();
    const std::uint64_t tree = cursor.u64();
    return read_chunks(cursor, dimensions, tree);
  }

 private:
  enum Class { compact = 0, contiguous = 1, chunked = 2 };

  std::vector<std::uint8_t> read_versions_1_and_2(Cursor& cursor) {
    const int dimensions = cursor.u8(), layout = cursor.u8();
    cursor.skip(5);
    const std::uint64_t address = layout == compact ? nowhere : cursor.u64();
    if (layout == chunked) return read_chunks(cursor, dimensions, address);
    cursor.skip(4 * static_cast<std::uint64_t>(dimensions));
    return layout == compact ? copy(cursor, cursor.u32()) : read_piece(address);
  }

  std::vector<std::uint8_t> copy(Cursor& cursor, std::uint64_t length) const {
    const Bytes data = cursor.take(length);
    cursor.require(data.size() >= bytes_, "holds fewer elements than there are");
    return {data.begin(), data.begin() + static_cast<std::ptrdiff_t>(bytes_)};
  }

  std::vector<std::uint8_t> read_piece(std::uint64_t address) const {
    if (bytes_ == 0) return {};
    if (address == nowhere) source_.fail_file(name_ + " was never written");
    return source_.read(name_.c_str(), address, bytes_);
  }

  /// The one kind of chunks of HDF5 1.10's new formats that needs no index.
  std::vector<std::uint8_t> read_single_chunk(Cursor& cursor) const {
    const std::uint8_t flags = cursor.u8();
    const int dimensions = cursor.u8();
    const std::uint64_t width = cursor.u8();
    cursor.require(dimensions == 2 && width >= 1 && width <= 8, "does not fit a list");
    const std::uint64_t length = number(cursor.take(width));
    cursor.skip(width);
    if (cursor.u8() != 1)
      source_.fail_file(name_ + " lists its chunks in a format that is not read here" + repack);
    Chunk chunk{.first = 0, .address = 0, .stored_bytes = 0, .skipped_filters = 0};
    std::uint64_t stored = checked_chunk_bytes(length);
    if ((flags & 2) != 0) {
      stored = cursor.u64();
      chunk.skipped_filters = cursor.u32();
    }
    chunk.address = cursor.u64();
    cursor.require(length >= count_, "has one chunk that is too short");
    std::vector<std::uint8_t> result = unpacked(chunk, stored, length);
    result.resize(bytes_);
    return result;
  }

  std::vector<std::uint8_t> read_chunks(Cursor& cursor, int dimensions, std::uint64_t tree) const {
    cursor.require(dimensions == 2, "does not fit a list");
    const std::uint64_t length = cursor.u32();
    cursor.require(length > 0, "has chunks without elements");
    checked_chunk_bytes(length);
    const std::uint64_t wanted = count_ / length + (count_ % length != 0 ? 1 : 0);
    const ChunkTree found(source_, tree, wanted);
    if (found.chunks().size() != wanted)
      source_.fail_file(name_ + " has " + std::to_string(found.chunks().size()) + " of its " +
                        std::to_string(wanted) + " chunks");
    std::vector<std::uint8_t> result;
    for (const Chunk& chunk : found.chunks()) {
      if (chunk.first != result.size() / size_)
        source_.fail_at("chunk", chunk.address, "of " + name_ + " is out of order");
      const auto elements = unpacked(chunk, chunk.stored_bytes, length);
      const std::uint64_t used = std::min<std::uint64_t>(elements.size(), bytes_ - result.size());
      result.insert(result.end(), elements.begin(),
                    elements.begin() + static_cast<std::ptrdiff_t>(used));
    }
    return result;
  }

  std::uint64_t checked_chunk_bytes(std::uint64_t length) const {
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(length, std::uint64_t{size_}, &bytes) ||
        bytes / max_deflate_ratio > source_.size())
      source_.fail_file(name_ + " has chunks of " + std::to_string(length) +
                        " elements, more than the file can hold");
    return bytes;
  }

  std::vector<std::uint8_t> unpacked(const Chunk& chunk, std::uint64_t stored,
                                     std::uint64_t length) const {
    const Filters filters(source_, object_, name_);
    return filters.undo(source_, chunk, source_.read("chunk", chunk.address, stored),
                        length * size_, size_);
  }

  const Source& source_;
  const Object& object_;
  const std::string& name_;
  const std::uint64_t count_;
  const std::uint32_t size_;
  const std::uint64_t bytes_;
};

}  // namespace

std::vector<std::uint8_t> read_elements(const Source& source, const Object& object,
                                        const std::string& name, std::uint64_t count,
                                        std::uint32_t size) {
  return Reader(source, object, name, count, size).read();
}

}  // namespace ranvier::detail::h5
