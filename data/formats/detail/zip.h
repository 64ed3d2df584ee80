// Zip archives in memory, by libzip.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ranvier/data/formats/detail/bytes.h"
#include "ranvier/data/formats/detail/reading.h"

struct zip;

namespace ranvier::detail {

/// Reads members, stored or deflated, of an archive that may be damaged or hostile.
class ZipReader {
 public:
  /// `content` must outlive the reader. Error, which names `place`: it is no zip archive.
  ZipReader(Bytes content, const ReadPlace& place);

  bool has(const std::string& member) const;
  /// Overwrites `out` with the content of the first member of this name, which is there; memory
  /// grows with what comes out, not with what the archive claims. Errors: damage; more than `limit`
  /// bytes.
  void read(const std::string& member, std::int64_t limit, std::vector<std::uint8_t>& out) const;

 private:
  struct Discard {
    void operator()(zip* archive) const;
  };
  const ReadPlace& place_;
  std::unique_ptr<zip, Discard> archive_;
};

struct ZipMember {
  std::string name;
  std::vector<std::uint8_t> content;
};

/// The content of an archive of deflated members; the same members give the same bytes.
std::vector<std::uint8_t> encode_zip(const std::vector<ZipMember>& members);

}  // namespace ranvier::detail
