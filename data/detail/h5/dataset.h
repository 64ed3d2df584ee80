// Data sets of an HDF5 file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ranvier/data/detail/h5/type.h"

namespace ranvier::detail::h5 {

/// The elements of a list, as they lie in the file.
struct List {
  std::string name;  ///< for error texts: "spikes/times"
  ElementType type;
  std::uint64_t count = 0;
  std::vector<std::uint8_t> bytes;  ///< count * type.size
};

/// Reads a data set of one dimension, stored in one piece or in chunks (plain, gzipped, shuffled).
/// Errors: another rank; a type or filter that is not read here; more than `most` elements; damage.
List read_list(const Source& source, const Object& object, const std::string& name,
               std::uint64_t most);

/// What a sequence or text in a list refers to: an object of a heap. 16 bytes in the file.
struct HeapReference {
  std::uint64_t address = 0;  ///< of the heap
  std::uint32_t index = 0;    ///< in it
  std::uint32_t length = 0;   ///< elements, or bytes of a text
};
std::vector<HeapReference> references(const List& list);

/// Bytes [address, address + length) of the file.
struct Piece {
  std::uint64_t address = 0, length = 0;
};
/// Finds the object that `reference` means, which must have `bytes` bytes. `list` and `element`
/// are for errors: "sample 17 of spikes/times".
Piece locate(const Source& source, const HeapReference& reference, std::uint64_t bytes,
             const std::string& list, std::int64_t element);

/// The texts of a list, without their padding. Error: it is no list of texts; one is longer than
/// `longest`.
std::vector<std::string> texts(const Source& source, const List& list, std::uint64_t longest);

/// The numbers of a list as i64. Error: it is no list of numbers; one is no whole number of 64
/// bits.
std::vector<std::int64_t> whole_numbers(const Source& source, List list);

}  // namespace ranvier::detail::h5
