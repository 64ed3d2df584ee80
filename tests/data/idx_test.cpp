#include "ranvier/data/idx.h"

#include <algorithm>

#include "tests/data/idx_writer.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode format = ErrorCode::format;
const Bytes small = idx_file({2, 2, 3}, counting_bytes(12));

void check_holds_small(const Tensor& tensor) {
  CHECK(tensor.dtype() == DType::u8);
  CHECK(tensor.shape() == Shape{2, 2, 3});
  const Bytes expected = counting_bytes(12);
  CHECK(std::equal(expected.begin(), expected.end(), tensor.data<std::uint8_t>()));
}

Bytes cut(Bytes bytes, std::size_t length) {
  bytes.resize(length);
  return bytes;
}

}  // namespace

TEST_CASE("an IDX file is read the same plain and gzipped") {
  const TemporaryFolder folder;
  write_file(folder / "plain", small);
  write_file(folder / "packed.gz", gzipped(small));
  write_file(folder / "packed-without-suffix", gzipped(small));
  check_holds_small(read_idx(folder / "plain"));
  check_holds_small(read_idx(folder / "packed.gz", {.rank = 3}));
  check_holds_small(read_idx(folder / "packed-without-suffix"));
}

TEST_CASE("gzip members that follow each other are one IDX file") {
  Bytes joined = gzipped(cut(small, 9));
  const Bytes tail = gzipped(Bytes(small.begin() + 9, small.end()));
  joined.insert(joined.end(), tail.begin(), tail.end());
  check_holds_small(parse_idx(joined, "joined.gz"));
}

TEST_CASE("an IDX file without elements is an empty tensor") {
  CHECK(parse_idx(idx_file({0, 28}, {}), "none").shape() == Shape{0, 28});
}

TEST_CASE("a file that cannot be read as IDX is an io error that names it") {
  const TemporaryFolder folder;
  CHECK_ERROR(read_idx(folder / "absent"), ErrorCode::io,
              "[idx] cannot open " + (folder / "absent").string() + ": No such file or directory.");
  CHECK_ERROR(read_idx(folder.path()), ErrorCode::io, "must be a regular file");
}

TEST_CASE("a file with another magic number is not taken for IDX") {
  CHECK_ERROR(parse_idx(Bytes{0x89, 'P', 'N', 'G', 13, 10}, "x.png"), format,
              "[idx] x.png begins with the bytes 89 50 4e 47; an IDX file of bytes begins with "
              "00 00 08 and a rank from 01 to 08.");
  CHECK_ERROR(parse_idx(Bytes{0, 0, 8, 0}, "scalar"), format, "begins with the bytes 00 00 08 00");
  CHECK_ERROR(parse_idx(Bytes{0, 0, 8, 9}, "deep"), format, "begins with the bytes 00 00 08 09");
}

TEST_CASE("an IDX file of other elements than bytes names their type") {
  CHECK_ERROR(parse_idx(Bytes{0, 0, 0x0d, 1, 0, 0, 0, 0}, "floats"), format,
              "[idx] floats has elements of type 0x0d (f32); they must be 0x08 (u8).");
  CHECK_ERROR(parse_idx(Bytes{0, 0, 0x07, 1, 0, 0, 0, 0}, "odd"), format, "0x07 (unknown)");
}

TEST_CASE("an IDX file of another rank than needed is refused") {
  CHECK_ERROR(parse_idx(small, "images", {.rank = 1}), format,
              "[idx] images has rank 3; it must have rank 1.");
}

TEST_CASE("an IDX file cut anywhere is called truncated") {
  for (std::size_t length = 0; length < small.size(); ++length) {
    CAPTURE(length);
    CHECK_ERROR(parse_idx(cut(small, length), "part"), format, "[idx] part is truncated");
  }
  CHECK_ERROR(parse_idx(cut(small, 20), "part"), format,
              "it declares the shape (2, 2, 3), 12 bytes; it has 4.");
}

TEST_CASE("a gzipped IDX file cut anywhere is an error") {
  const Bytes packed = gzipped(small);
  for (std::size_t length = 0; length < packed.size(); ++length) {
    CAPTURE(length);
    CHECK_ERROR(parse_idx(cut(packed, length), "part.gz"), format, "part.gz is ");
  }
  CHECK_ERROR(parse_idx(cut(packed, packed.size() - 1), "part.gz"), format,
              "[gzip] part.gz is truncated: it ends after 28 unpacked bytes.");
}

TEST_CASE("a gzipped file whose content is too short for its header is truncated") {
  CHECK_ERROR(parse_idx(gzipped(cut(small, 20)), "part.gz"), format,
              "[idx] part.gz is truncated: it declares the shape (2, 2, 3), 12 bytes; it has 4.");
}

TEST_CASE("damage in a gzip file is noticed") {
  Bytes packed = gzipped(small);
  packed[packed.size() - 6] ^= 1;  // of the checksum
  CHECK_ERROR(parse_idx(packed, "bad.gz"), format,
              "[gzip] bad.gz is damaged after 28 unpacked bytes: incorrect data check.");
}

TEST_CASE("a name that promises gzip must be gzip") {
  CHECK_ERROR(parse_idx(small, "plain.gz"), format,
              "[idx] plain.gz is not a gzip file: it must begin with the bytes 1f 8b.");
}

TEST_CASE("bytes after the declared elements are an error") {
  Bytes longer = small;
  longer.push_back(0);
  CHECK_ERROR(parse_idx(longer, "longer"), format,
              "[idx] longer declares the shape (2, 2, 3), 12 bytes, but has more.");
  CHECK_ERROR(parse_idx(gzipped(longer), "longer.gz"), format, "but has more");
}

TEST_CASE("a header that declares more than the file can hold costs no memory") {
  const Bytes wild = idx_file({0xffffffff, 0xffffffff, 0xffffffff}, {});
  CHECK_ERROR(parse_idx(wild, "wild"), format, "at most 4294967296 bytes are accepted");
  const Bytes large = idx_file({1u << 30}, {});
  CHECK_ERROR(parse_idx(large, "large"), format, "cannot hold more than 8.");
  CHECK_ERROR(parse_idx(gzipped(large), "large.gz"), format, "cannot hold more than");
  CHECK_ERROR(parse_idx(small, "small", {.max_bytes = 11}), format, "at most 11 bytes");
}

TEST_CASE("a file larger than accepted is not read") {
  const TemporaryFolder folder;
  write_file(folder / "large", Bytes(100));
  CHECK_ERROR(read_idx(folder / "large", {.max_bytes = 10}), format,
              "has 100 bytes; at most 46 are accepted.");
}

}  // namespace ranvier::test
