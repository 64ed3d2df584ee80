#include "ranvier/data/detail/h5/object.h"

#include <array>
#include <set>

namespace ranvier::detail::h5 {
namespace {

constexpr std::string_view signature = "\x89HDF\r\n\x1a\n";
constexpr std::uint64_t most_header_bytes = 1 << 20, most_header_blocks = 256;
constexpr std::size_t longest_name = 1024;

std::uint64_t read_root(const Source& source, Cursor& block) {
  const int version = block.u8();
  block.require(version <= 3, "is of a version above 3");
  if (version < 2) block.skip(4);
  block.require(block.u8() == 8 && block.u8() == 8,
                "has addresses or lengths of other than 8 bytes");
  block.skip(version == 0 ? 9 : version == 1 ? 13 : 1);
  block.skip(8);  // the base: where we found the superblock
  block.skip(8);  // free space, or the superblock's extension
  const std::uint64_t end = block.u64();
  if (end > source.size() && end != nowhere)
    source.fail_file("it is truncated: it was written with " + std::to_string(end) +
                     " bytes and has " + std::to_string(source.size()));
  if (version < 2) block.skip(16);  // driver; the root's name
  return block.u64();
}

/// Messages of header blocks, and where more blocks are.
class HeaderReader {
 public:
  HeaderReader(const Source& source, std::uint64_t address) : source_(source) {
    object_.address = address;
    std::array<std::uint8_t, 4> start;
    source.read(what, address, start);
    if (std::equal(start.begin(), start.end(), "OHDR"))
      begin_version_2(address);
    else
      begin_version_1(address);
    for (std::size_t next = 0; next < blocks_.size(); ++next) read_block(blocks_[next]);
  }
  Object take() { return std::move(object_); }

 private:
  static constexpr const char* what = "object header";
  struct Block {
    std::uint64_t address, length;
  };

  void begin_version_1(std::uint64_t address) {
    const auto prefix = source_.read(what, address, std::uint64_t{16});
    Cursor cursor(source_, what, address, prefix);
    cursor.require(cursor.u8() == 1, "is of an unknown version");
    cursor.skip(7);
    add_block(address + 16, cursor.u32());
  }

  void begin_version_2(std::uint64_t address) {
    std::array<std::uint8_t, 34> prefix = {};
    const std::uint64_t available = std::min<std::uint64_t>(prefix.size(), source_.room(address));
    source_.read(what, address, std::span(prefix).first(available));
    Cursor cursor(source_, what, address, Bytes(prefix).first(available));
    cursor.expect("OHDR");
    cursor.require(cursor.u8() == 2, "is of an unknown version");
    const std::uint8_t flags = cursor.u8();
    version_2_ = true;
    tracks_order_ = (flags & 4) != 0;
    if ((flags & 0x20) != 0) cursor.skip(16);  // times
    if ((flags & 0x10) != 0) cursor.skip(4);   // when attributes move elsewhere
    const std::uint64_t length = number(cursor.take(std::uint64_t{1} << (flags & 3)));
    add_block(address + (available - cursor.left()), length);
  }

  void add_block(std::uint64_t address, std::uint64_t length) {
    total_ += length;
    if (length > most_header_bytes || total_ > most_header_bytes ||
        blocks_.size() == most_header_blocks)
      source_.fail_at(what, object_.address, "is larger than a megabyte");
    blocks_.push_back({address, length});
  }

  void read_block(const Block block) {
    const auto bytes = source_.read(what, block.address, block.length);
    Cursor cursor(source_, what, block.address, bytes);
    const std::size_t message_header = version_2_ ? (tracks_order_ ? 6 : 4) : 8;
    while (cursor.left() >= message_header) {
      Message message;
      message.type = static_cast<MessageType>(version_2_ ? cursor.u8() : cursor.u16());
      const std::uint16_t length = cursor.u16();
      message.shared = (cursor.u8() & 2) != 0;
      cursor.skip(version_2_ ? (tracks_order_ ? 2 : 0) : 3);
      message.address = block.address + block.length - cursor.left();
      const Bytes data = cursor.take(length);
      if (message.type == MessageType::continuation) {
        continue_at(message.address, data);
      } else if (message.type != MessageType{}) {
        message.data.assign(data.begin(), data.end());
        object_.messages.push_back(std::move(message));
      }
    }
  }

  void continue_at(std::uint64_t address, Bytes data) {
    Cursor cursor(source_, what, address, data);
    const std::uint64_t next = cursor.u64(), length = cursor.u64();
    if (!version_2_) return add_block(next, length);
    cursor.require(length >= 8 && next < nowhere - 4, "goes on in a block that is too short");
    const auto start = source_.read(what, next, std::uint64_t{4});
    Cursor(source_, what, next, start).expect("OCHK");
    add_block(next + 4, length - 8);  // without signature and checksum
  }

  const Source& source_;
  Object object_;
  std::vector<Block> blocks_;
  std::uint64_t total_ = 0;
  bool version_2_ = false, tracks_order_ = false;
};

/// Groups in the format of all versions: a B-tree of symbol tables, names in a local heap.
class SymbolTable {
 public:
  SymbolTable(const Source& source, const Message& message) : source_(source) {
    Cursor cursor(source, "symbol table message", message.address, message.data);
    const std::uint64_t tree = cursor.u64(), heap = cursor.u64();
    read_names(heap);
    read_node(tree, -1);
  }
  Links take() { return std::move(links_); }

 private:
  void read_names(std::uint64_t heap) {
    const auto bytes = source_.read("local heap", heap, std::uint64_t{32});
    Cursor cursor(source_, "local heap", heap, bytes);
    cursor.expect("HEAP");
    cursor.skip(4);
    const std::uint64_t length = cursor.u64();
    cursor.skip(8);
    names_ = source_.read("local heap", cursor.u64(), length);
  }

  /// `level` is what the parent promises, or -1.
  void read_node(std::uint64_t address, int level) {
    const char* what = "group's tree";
    const auto head = source_.read(what, address, std::uint64_t{24});
    Cursor cursor(source_, what, address, head);
    cursor.require(visited_.insert(address).second, "is its own descendant");
    cursor.expect("TREE");
    cursor.require(cursor.u8() == 0, "is not one of a group");
    const int own_level = cursor.u8();
    cursor.require(level < 0 || own_level == level, "has levels that do not fit");
    const std::uint64_t children = cursor.u16();
    const auto entries = source_.read(what, address + 24, 16 * children);
    for (std::uint64_t i = 0; i < children; ++i) {
      const std::uint64_t child = number(Bytes(entries).subspan(16 * i + 8, 8));
      if (own_level == 0)
        read_symbols(child);
      else
        read_node(child, own_level - 1);
    }
  }

  void read_symbols(std::uint64_t address) {
    const char* what = "symbol table";
    const auto head = source_.read(what, address, std::uint64_t{8});
    Cursor cursor(source_, what, address, head);
    cursor.require(visited_.insert(address).second, "is there twice");
    cursor.expect("SNOD");
    cursor.skip(2);
    const std::uint64_t count = cursor.u16();
    const auto entries = source_.read(what, address + 8, 40 * count);
    for (std::uint64_t i = 0; i < count; ++i) {
      const Bytes entry = Bytes(entries).subspan(40 * i, 40);
      links_[name_at(number(entry.first(8)), address)] = number(entry.subspan(8, 8));
    }
  }

  std::string name_at(std::uint64_t offset, std::uint64_t table) const {
    if (offset < names_.size()) {
      const Bytes rest = Bytes(names_).subspan(offset);
      const auto end = std::find(rest.begin(), rest.end(), 0);
      if (end != rest.end() && end - rest.begin() <= static_cast<std::ptrdiff_t>(longest_name))
        return std::string(rest.begin(), end);
    }
    source_.fail_at("symbol table", table, "has an entry without a proper name");
  }

  const Source& source_;
  std::vector<std::uint8_t> names_;
  std::set<std::uint64_t> visited_;
  Links links_;
};

/// A member of a small group of the format that HDF5 1.8 brought; false if it is no hard link.
bool read_link(const Source& source, const Message& message, Links& links) {
  Cursor cursor(source, "link message", message.address, message.data);
  cursor.require(cursor.u8() == 1, "is of an unknown version");
  const std::uint8_t flags = cursor.u8();
  const int type = (flags & 8) != 0 ? cursor.u8() : 0;
  if ((flags & 4) != 0) cursor.skip(8);   // creation order
  if ((flags & 16) != 0) cursor.skip(1);  // character set
  const std::uint64_t length = number(cursor.take(std::uint64_t{1} << (flags & 3)));
  const Bytes name = cursor.take(length);
  if (type != 0) return false;
  links[std::string(name.begin(), name.end())] = cursor.u64();
  return true;
}

void require_compact(const Source& source, const Message& info) {
  Cursor cursor(source, "link info message", info.address, info.data);
  cursor.skip(1);
  if ((cursor.u8() & 1) != 0) cursor.skip(8);  // creation order
  cursor.require(cursor.u64() == nowhere,
                 "keeps its names in HDF5's format for large new groups, which is not read here; "
                 "h5repack writes the file anew in the earliest format");
}

}  // namespace

const Message* Object::find(MessageType type) const {
  for (const Message& message : messages)
    if (message.type == type) return &message;
  return nullptr;
}

std::uint64_t read_superblock(Source& source) {
  constexpr std::uint64_t longest = 96;
  for (std::uint64_t base = 0; base + signature.size() <= source.size();
       base = base == 0 ? 512 : 2 * base) {
    const auto bytes =
        source.read("superblock", base, std::min<std::uint64_t>(longest, source.size() - base));
    if (!std::equal(signature.begin(), signature.end(), bytes.begin(),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; }))
      continue;
    Cursor block(source, "superblock", base, Bytes(bytes).subspan(signature.size()));
    const std::uint64_t root = read_root(source, block);
    source.set_base(base);
    return root;
  }
  source.fail_file(source.size() == 0 ? "it is empty" : "it is not an HDF5 file");
}

Object read_object(const Source& source, std::uint64_t address) {
  return HeaderReader(source, address).take();
}

Links read_links(const Source& source, const Object& group) {
  if (const Message* table = group.find(MessageType::symbol_table))
    return SymbolTable(source, *table).take();
  const Message* info = group.find(MessageType::link_info);
  if (info == nullptr) source.fail_at("object header", group.address, "is not that of a group");
  require_compact(source, *info);
  Links links;
  for (const Message& message : group.messages)
    if (message.type == MessageType::link) read_link(source, message, links);
  return links;
}

bool find_object(const Source& source, std::uint64_t root, const std::string& path,
                 Object& object) {
  object = read_object(source, root);
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const Links links = read_links(source, object);
    const auto link = links.find(path.substr(begin, end - begin));
    if (link == links.end()) return false;
    object = read_object(source, link->second);
    begin = end + 1;
  }
  return true;
}

Object find_object(const Source& source, std::uint64_t root, const std::string& path) {
  Object object;
  if (!find_object(source, root, path, object)) {
    for (std::size_t end = path.find('/'); end != std::string::npos; end = path.find('/', end + 1))
      if (Object group; !find_object(source, root, path.substr(0, end), group))
        source.fail_file("there is no group " + path.substr(0, end) + ", so no " + path);
    source.fail_file("there is no " + path);
  }
  return object;
}

}  // namespace ranvier::detail::h5
