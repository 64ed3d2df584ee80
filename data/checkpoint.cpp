#include "ranvier/data/checkpoint.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "ranvier/data/detail/checkpoint_contents.h"
#include "ranvier/data/detail/checkpoint_header.h"
#include "ranvier/data/detail/checkpoint_image.h"
#include "ranvier/data/detail/file.h"
#include "ranvier/data/detail/replacement.h"

namespace ranvier {
namespace {

namespace fs = std::filesystem;
using Bytes = std::span<const std::uint8_t>;

void check_content(const Checkpoint& checkpoint) {
  std::set<std::string_view> names;
  for (const NamedTensor& named : checkpoint.tensors) {
    RV_CHECK(
        detail::valid_tensor_name(named.name),
        "[checkpoint] a tensor's name must be of printable ASCII without '/', and not \".\"; got "
        "\"{}\".",
        named.name);
    RV_CHECK(names.insert(named.name).second, "[checkpoint] two tensors are called \"{}\".",
             named.name);
    RV_CHECK(named.tensor.defined(), "[checkpoint] the tensor {} is undefined.", named.name);
  }
  RV_CHECK(nlohmann::json::accept(checkpoint.metadata),
           "[checkpoint] the metadata must be JSON; got \"{}\".",
           checkpoint.metadata.substr(0, 80));
}

/// A checkpoint file of which nothing is believed before it is checked.
class SealedFile {
 public:
  explicit SealedFile(const fs::path& path) : file_("checkpoint", path) {
    verify_seal(static_cast<std::uint64_t>(file_.size()));
  }

  const std::string& name() const { return file_.name(); }
  const detail::CheckpointSeal& seal() const { return seal_; }

  /// Reads a piece within the file.
  void read(const detail::FilePiece& piece, void* out) const {
    const std::span target(static_cast<std::uint8_t*>(out), piece.length);
    if (file_.read(piece.offset, target) != piece.length)
      fail(ErrorCode::io, "[checkpoint] {} became shorter while it was read.", name());
  }
  std::string read_text(const detail::FilePiece& piece) const {
    std::string text(piece.length, '\0');
    read(piece, text.data());
    return text;
  }

 private:
  void verify_seal(std::uint64_t size) {
    detail::CheckpointHeader header = {};
    file_.read(0, header);
    seal_ = detail::parse_checkpoint_header(header, name());
    if (size != seal_.file_bytes)
      fail(ErrorCode::format, "[checkpoint] {} is {}: it has {} bytes; it was written with {}.",
           name(), size < seal_.file_bytes ? "truncated" : "damaged", size, seal_.file_bytes);

    std::vector<std::uint8_t> buffer(std::size_t{1} << 20);
    std::uint32_t crc = 0;
    std::uint64_t done = header.size();
    while (const std::size_t count = file_.read(done, buffer)) {
      crc = detail::crc32_of(Bytes(buffer).first(count), crc);
      done += count;
    }
    if (crc != seal_.crc)
      fail(ErrorCode::format,
           "[checkpoint] {} is damaged: its checksum is {:08x}; it was written with {:08x}.",
           name(), crc, seal_.crc);
    if (!seal_.contents.within(size))
      fail(ErrorCode::format, "[checkpoint] {} is damaged: its contents table lies outside.",
           name());
  }

  const detail::ReadableFile file_;
  detail::CheckpointSeal seal_;
};

/// Bits beyond the last column must be zero: kernels count on it.
void require_clean_rows(const Tensor& spikes, const std::string& name, const std::string& file) {
  const std::int64_t columns = spikes.rank() == 0 ? 1 : spikes.size(-1);
  if (columns % 64 == 0) return;
  const std::uint64_t unused = ~std::uint64_t{0} << (columns % 64);
  const std::int64_t words = words_per_row(columns);
  const auto* data = spikes.data<std::uint64_t>();
  for (std::int64_t last = words - 1; last < spikes.nbytes() / 8; last += words)
    if ((data[last] & unused) != 0)
      fail(ErrorCode::format, "[checkpoint] {} is damaged: {} has spikes beyond its {} columns.",
           file, name, columns);
}

}  // namespace

void save_checkpoint(const fs::path& path, const Checkpoint& checkpoint) {
  check_content(checkpoint);
  detail::Replacement file("checkpoint", path);
  detail::with_checkpoint_image(
      path.string(), checkpoint, [&](Bytes image, const detail::FilePiece& contents) {
        const Bytes data = image.subspan(detail::checkpoint_header_size);
        file.write(detail::make_checkpoint_header(
            {.file_bytes = image.size(), .crc = detail::crc32_of(data), .contents = contents}));
        file.write(data);
      });
  file.finish();
}

Checkpoint load_checkpoint(const fs::path& path) {
  const SealedFile file(path);
  const detail::CheckpointContents contents = detail::parse_contents(
      file.read_text(file.seal().contents), file.seal().file_bytes, file.name());
  Checkpoint checkpoint{.tensors = {}, .metadata = file.read_text(contents.metadata)};
  if (!nlohmann::json::accept(checkpoint.metadata))
    fail(ErrorCode::format, "[checkpoint] {} is damaged: its metadata are not JSON.", file.name());
  for (const detail::TensorPlace& place : contents.tensors) {
    Tensor tensor = empty(place.shape, {.dtype = place.dtype});
    file.read(place.piece, tensor.mutable_raw_data());
    if (place.dtype == DType::bits) require_clean_rows(tensor, place.name, file.name());
    checkpoint.tensors.push_back({place.name, tensor});
  }
  return checkpoint;
}

}  // namespace ranvier
