// Objects of an HDF5 file: the messages of their headers, and what groups call them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ranvier/data/detail/h5/source.h"

namespace ranvier::detail::h5 {

/// What a header says about its object, one statement each.
enum class MessageType : std::uint16_t {
  dataspace = 0x01,
  link_info = 0x02,
  datatype = 0x03,
  link = 0x06,
  layout = 0x08,
  filters = 0x0b,
  continuation = 0x10,
  symbol_table = 0x11,
};

struct Message {
  MessageType type;
  bool shared;            ///< lies elsewhere; `data` say where
  std::uint64_t address;  ///< of `data`
  std::vector<std::uint8_t> data;
};

struct Object {
  std::uint64_t address;
  std::vector<Message> messages;

  /// The first message of `type`, or null.
  const Message* find(MessageType type) const;
};

/// Finds the superblock, sets the base of addresses and returns the address of the root group.
/// Error: no HDF5 file, or one that was cut.
std::uint64_t read_superblock(Source& source);

Object read_object(const Source& source, std::uint64_t address);

/// Names and addresses of what a group holds. Error: `group` is no group.
using Links = std::map<std::string, std::uint64_t, std::less<>>;
Links read_links(const Source& source, const Object& group);

/// Follows names from the root. Error: one of them is not there (says which).
Object find_object(const Source& source, std::uint64_t root, const std::string& path);
/// The same; true and the object if it is there.
bool find_object(const Source& source, std::uint64_t root, const std::string& path, Object& object);

}  // namespace ranvier::detail::h5
