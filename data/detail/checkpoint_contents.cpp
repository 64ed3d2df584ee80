#include "ranvier/data/detail/checkpoint_contents.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "ranvier/core/error.h"
#include "ranvier/core/tensor.h"

namespace ranvier::detail {
namespace {

using Json = nlohmann::json;

constexpr std::array all_dtypes = {DType::f32, DType::f64, DType::f16, DType::bf16,
                                   DType::u8,  DType::i64, DType::bits};

/// Takes values out of a table, each checked for its type and range.
class TableReader {
 public:
  TableReader(std::uint64_t file_bytes, const std::string& file)
      : file_bytes_(file_bytes), file_(file) {}

  void require(bool condition, const std::string& otherwise) const {
    if (!condition)
      fail(ErrorCode::format, "[checkpoint] the contents table of {} is damaged: {}.", file_,
           otherwise);
  }

  const Json& member(const Json& object, const char* key) const {
    const bool present = object.is_object() && object.contains(key);
    require(present, fmt::format("\"{}\" is missing", key));
    return object[key];
  }

  std::uint64_t number(const Json& value, const std::string& what) const {
    require(value.is_number_unsigned() && value.get<std::uint64_t>() <= std::uint64_t{1} << 62,
            what + " is not a number of bytes or elements");
    return value.get<std::uint64_t>();
  }

  FilePiece piece(std::uint64_t offset, std::uint64_t length, const std::string& what) const {
    const FilePiece piece{offset, length};
    require(piece.within(file_bytes_), what + " lies outside of the file");
    return piece;
  }

  std::string name(const Json& value) const {
    require(value.is_string() && valid_tensor_name(value.get<std::string>()),
            "a tensor has no proper name");
    return value.get<std::string>();
  }

  DType dtype(const Json& value, const std::string& tensor) const {
    for (DType dtype : all_dtypes)
      if (value == ranvier::name(dtype)) return dtype;
    require(false, tensor + " has an unknown dtype");
    return DType::f32;
  }

  Shape shape(const Json& value, const std::string& tensor) const {
    require(value.is_array() && value.size() <= Shape::max_rank, tensor + " has no proper shape");
    std::array<std::int64_t, Shape::max_rank> extents;
    std::int64_t bytes = 8;  // of the largest element
    for (std::size_t axis = 0; axis < value.size(); ++axis) {
      extents[axis] = static_cast<std::int64_t>(number(value[axis], "an extent of " + tensor));
      // An extent of zero hides how large the others are.
      const std::int64_t factor = std::max<std::int64_t>(extents[axis], 1);
      require(!__builtin_mul_overflow(bytes, factor, &bytes), tensor + " is larger than the file");
    }
    return Shape(std::span<const std::int64_t>(extents).first(value.size()));
  }

 private:
  const std::uint64_t file_bytes_;
  const std::string& file_;
};

}  // namespace

bool valid_tensor_name(const std::string& name) {
  return !name.empty() && name != "." && std::all_of(name.begin(), name.end(), [](char c) {
    return c >= ' ' && c <= '~' && c != '/';
  });
}

std::string contents_to_json(const CheckpointContents& contents) {
  Json tensors = Json::array();
  for (const TensorPlace& tensor : contents.tensors)
    tensors.push_back(
        {{"name", tensor.name},
         {"dtype", name(tensor.dtype)},
         {"shape", std::vector<std::int64_t>(tensor.shape.begin(), tensor.shape.end())},
         {"offset", tensor.piece.offset}});
  return Json({{"tensors", tensors},
               {"metadata",
                {{"offset", contents.metadata.offset}, {"length", contents.metadata.length}}}})
      .dump();
}

CheckpointContents parse_contents(const std::string& json, std::uint64_t file_bytes,
                                  const std::string& file) {
  const TableReader reader(file_bytes, file);
  const Json table = Json::parse(json, nullptr, false);
  reader.require(!table.is_discarded(), "it is not JSON");

  CheckpointContents contents;
  const Json& metadata = reader.member(table, "metadata");
  const std::uint64_t offset =
      reader.number(reader.member(metadata, "offset"), "the metadata's offset");
  const std::uint64_t length =
      reader.number(reader.member(metadata, "length"), "the metadata's length");
  contents.metadata = reader.piece(offset, length, "the metadata");

  const Json& tensors = reader.member(table, "tensors");
  reader.require(tensors.is_array(), "\"tensors\" is not a list");
  std::set<std::string> names;
  std::uint64_t total = 0;
  for (const Json& entry : tensors) {
    TensorPlace place;
    place.name = reader.name(reader.member(entry, "name"));
    reader.require(names.insert(place.name).second, place.name + " is there twice");
    place.dtype = reader.dtype(reader.member(entry, "dtype"), place.name);
    place.shape = reader.shape(reader.member(entry, "shape"), place.name);
    place.piece =
        reader.piece(reader.number(reader.member(entry, "offset"), "the offset of " + place.name),
                     static_cast<std::uint64_t>(array_bytes(place.shape, place.dtype)), place.name);
    // Pieces that overlap would make a small file ask for much memory.
    total += place.piece.length;
    reader.require(total <= file_bytes, "the tensors are larger than the file");
    contents.tensors.push_back(std::move(place));
  }
  return contents;
}

}  // namespace ranvier::detail
