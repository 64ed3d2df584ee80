// Makes checkpoint files, also such as `save_checkpoint` would never write.
#pragma once

#include <fmt/core.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "ranvier/data/checkpoint.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {

/// The file that `save_checkpoint` makes.
inline Bytes checkpoint_bytes(const Checkpoint& checkpoint) {
  const TemporaryFolder folder;
  save_checkpoint(folder / "run.h5", checkpoint);
  return file_bytes(folder / "run.h5");
}

/// Writes a seal that fits the rest over the first 512 bytes of `file`.
inline Bytes sealed(Bytes file, std::size_t contents_offset, std::size_t contents_length) {
  file.resize(std::max<std::size_t>(file.size(), 512));
  const std::string text = fmt::format(
      "Ranvier checkpoint, format 1\nbytes {}\ncrc32 {:08x}\ncontents at {}, bytes {}\n"
      "HDF5 data follow at byte 512.\n",
      file.size(), crc32_z(0, file.data() + 512, file.size() - 512), contents_offset,
      contents_length);
  std::fill_n(file.begin(), 512, std::uint8_t{0});
  std::copy(text.begin(), text.end(), file.begin());
  return file;
}

/// A sealed file of the contents table `table`, 64 bytes of ones at 512 and "{}" at 576.
inline Bytes sealed_table(const std::string& table) {
  Bytes file(576, std::uint8_t{255});
  for (const char c : "{}" + table) file.push_back(static_cast<std::uint8_t>(c));
  return sealed(file, 578, table.size());
}

}  // namespace ranvier::test
