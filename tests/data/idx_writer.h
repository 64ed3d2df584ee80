// Makes IDX files for tests, independently of the reader.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace ranvier::test {

/// The file of an array of bytes.
inline Bytes idx_file(const std::vector<std::uint32_t>& extents, const Bytes& elements) {
  Bytes file = {0, 0, 8, static_cast<std::uint8_t>(extents.size())};
  for (std::uint32_t extent : extents)
    for (int shift : {24, 16, 8, 0}) file.push_back(static_cast<std::uint8_t>(extent >> shift));
  file.insert(file.end(), elements.begin(), elements.end());
  return file;
}

/// `content` as gzip(1) packs it.
inline Bytes gzipped(const Bytes& content) {
  z_stream stream = {};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("zlib does not start");
  Bytes packed(deflateBound(&stream, content.size()));
  stream.next_in = const_cast<std::uint8_t*>(content.data());
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("zlib cannot pack");
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

/// 0, 1, 2, ... modulo 256.
inline Bytes counting_bytes(std::size_t count) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i);
  return bytes;
}

}  // namespace ranvier::test
