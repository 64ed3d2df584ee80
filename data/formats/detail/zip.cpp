#include "ranvier/data/formats/detail/zip.h"

#include <zip.h>

#include "ranvier/core/error.h"
#include "ranvier/data/formats/detail/read_growing.h"

namespace ranvier::detail {
namespace {

/// What libzip says about a failure.
class ZipFailure {
 public:
  ZipFailure() { zip_error_init(&error_); }
  ~ZipFailure() { zip_error_fini(&error_); }
  ZipFailure(const ZipFailure&) = delete;
  ZipFailure& operator=(const ZipFailure&) = delete;

  zip_error_t* out() { return &error_; }
  const char* text() { return zip_error_strerror(&error_); }

 private:
  zip_error_t error_;
};

struct CloseMember {
  void operator()(zip_file_t* member) const { zip_fclose(member); }
};

}  // namespace

void ZipReader::Discard::operator()(zip* archive) const { zip_discard(archive); }

ZipReader::ZipReader(Bytes content, const ReadPlace& place) : place_(place) {
  ZipFailure failure;
  zip_source_t* source = zip_source_buffer_create(content.data(), content.size(), 0, failure.out());
  if (source != nullptr) archive_.reset(zip_open_from_source(source, ZIP_RDONLY, failure.out()));
  if (archive_ != nullptr) return;
  if (source != nullptr) zip_source_free(source);
  fail(ErrorCode::format, "[{}] {} cannot be read as a zip archive: {}.", place.reader, place.file,
       failure.text());
}

bool ZipReader::has(const std::string& member) const {
  return zip_name_locate(archive_.get(), member.c_str(), 0) >= 0;
}

void ZipReader::read(const std::string& member, std::int64_t limit,
                     std::vector<std::uint8_t>& out) const {
  const std::unique_ptr<zip_file_t, CloseMember> file(zip_fopen(archive_.get(), member.c_str(), 0));
  if (file == nullptr)
    fail(ErrorCode::format, "[{}] {}: member {} cannot be read: {}.", place_.reader, place_.file,
         member, zip_strerror(archive_.get()));
  std::int64_t made = 0;
  const auto read = [&](std::span<std::uint8_t> room) {
    const zip_int64_t count = zip_fread(file.get(), room.data(), room.size());
    if (count < 0)
      fail(ErrorCode::format, "[{}] {}: member {} is damaged after {} unpacked bytes: {}.",
           place_.reader, place_.file, member, made, zip_file_strerror(file.get()));
    made += count;
    return static_cast<std::size_t>(count);
  };
  if (!read_growing(limit, out, read))
    fail(ErrorCode::format, "[{}] {}: member {} unpacks to more than {} bytes.", place_.reader,
         place_.file, member, limit);
}

std::vector<std::uint8_t> encode_zip(const std::vector<ZipMember>& members) {
  ZipFailure failure;
  const std::unique_ptr<zip_source_t, decltype(&zip_source_free)> target(
      zip_source_buffer_create(nullptr, 0, 0, failure.out()), &zip_source_free);
  RV_ASSERT(target != nullptr, "[zip] no memory: {}", failure.text());
  zip_source_keep(target.get());  // the archive takes one reference, we read from the other
  zip_t* archive = zip_open_from_source(target.get(), ZIP_TRUNCATE, failure.out());
  RV_ASSERT(archive != nullptr, "[zip] no archive: {}", failure.text());
  bool good = true;
  for (const ZipMember& member : members) {
    zip_source_t* source =
        zip_source_buffer(archive, member.content.data(), member.content.size(), 0);
    const zip_int64_t index = zip_file_add(archive, member.name.c_str(), source, 0);
    // The first day that zip knows, whatever the time is and where.
    constexpr zip_uint16_t midnight = 0, first_of_january_1980 = 1 << 5 | 1;
    good = good && index >= 0 &&
           zip_file_set_dostime(archive, static_cast<zip_uint64_t>(index), midnight,
                                first_of_january_1980, 0) == 0;
  }
  good = zip_close(archive) == 0 && good;
  RV_ASSERT(good, "[zip] cannot write {} members", members.size());
  std::vector<std::uint8_t> out;
  good = zip_source_open(target.get()) == 0;
  RV_ASSERT(good, "[zip] cannot read what was written");
  const bool whole = read_growing(INT64_MAX - 1, out, [&](std::span<std::uint8_t> room) {
    return static_cast<std::size_t>(zip_source_read(target.get(), room.data(), room.size()));
  });
  zip_source_close(target.get());
  RV_ASSERT(whole, "[zip] cannot read what was written");
  return out;
}

}  // namespace ranvier::detail
