// NumPy's `.npy` arrays that may be damaged or hostile.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ranvier/data/formats/detail/bytes.h"
#include "ranvier/data/formats/detail/reading.h"

namespace ranvier::detail {

/// What the header of an array says, as text.
struct NpyHeader {
  struct Field {
    std::string name;  ///< "" where the array has no named fields
    std::string type;  ///< "<i8"
  };
  std::vector<Field> fields;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

/// Parses "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }"; `descr` may be a list of
/// (name, type) too. Error text, or "" if all is well.
std::string parse_npy_header(std::string_view text, NpyHeader& header);

/// An array of one axis whose elements are numbers, or records of numbers with names. It is a view
/// into the content of a file.
class NpyArray {
 public:
  /// Errors, which name `place`: no array, of another version than 1 to 3, cut or too long for its
  /// shape; more than one axis; elements that are no little-endian numbers.
  NpyArray(Bytes content, const ReadPlace& place);

  std::int64_t size() const { return size_; }
  bool has(std::string_view field) const { return find(field) != nullptr; }
  /// Overwrites `out` with the numbers of `field` ("" for an array without names); floating-point
  /// numbers are multiplied by `scale` and rounded. Error: there is no such field, or a number is
  /// not within 2^53 of 0.
  void read(std::string_view field, double scale, std::vector<std::int64_t>& out) const;

 private:
  struct Column {
    std::string name;
    char kind;  // 'b' bool, 'i', 'u', 'f'
    std::int64_t bytes, offset;
  };
  const Column* find(std::string_view field) const;
  const Column& require(std::string_view field) const;
  void add_column(const NpyHeader::Field& field);
  template <class Load>
  void convert(const Column& column, double scale, std::vector<std::int64_t>& out,
               Load&& load) const;
  [[noreturn]] void fail_array(const std::string& what) const;

  const ReadPlace& place_;
  std::vector<Column> columns_;
  std::int64_t size_ = 0, record_bytes_ = 0, first_ = 0;
  Bytes content_;
};

/// The beginning of a `.npy` file of `size` elements of the type `descr`: "'<i8'".
std::vector<std::uint8_t> npy_header(std::string_view descr, std::size_t size);

}  // namespace ranvier::detail
