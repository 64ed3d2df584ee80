// The 512 bytes in front of a checkpoint's HDF5 data: text that says what the file is, how long,
// with which checksum, and where its contents table lies.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace ranvier::detail {

inline constexpr int checkpoint_format = 1;
/// HDF5 looks for its data at byte 0, 512, 1024, ...: what comes before is a "user block".
inline constexpr std::size_t checkpoint_header_size = 512;
using CheckpointHeader = std::array<std::uint8_t, checkpoint_header_size>;

/// Bytes [offset, offset + length) of a file.
struct FilePiece {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;

  /// True if a file of `file_bytes` bytes has them all.
  bool within(std::uint64_t file_bytes) const {
    return offset <= file_bytes && length <= file_bytes - offset;
  }
};

struct CheckpointSeal {
  std::uint64_t file_bytes = 0;  ///< of the whole file
  std::uint32_t crc = 0;         ///< of everything after the header
  FilePiece contents;            ///< the contents table, JSON
};

CheckpointHeader make_checkpoint_header(const CheckpointSeal& seal);

/// Error, naming `file`: not a header of ours, or of another format version.
CheckpointSeal parse_checkpoint_header(std::span<const std::uint8_t> header,
                                       const std::string& file);

/// CRC-32 of `bytes`, continued from `crc`.
std::uint32_t crc32_of(std::span<const std::uint8_t> bytes, std::uint32_t crc = 0);

}  // namespace ranvier::detail
