// Spike files that nobody would write by accident.
#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "ranvier/data/detail/h5/encode.h"
#include "ranvier/data/event_sets/spike_file.h"
#include "ranvier/data/event_sets/spike_file_writer.h"
#include "tests/data/hdf5_spikes.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/memory_file.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {
namespace {

namespace h5 = detail::h5;
constexpr ErrorCode format = ErrorCode::format;

/// Opens what the HDF5 library writes of `samples` and reads all of it.
void read_library_file(const std::vector<SpikeTrain>& samples, const Hdf5Layout& layout = {}) {
  const TemporaryFolder folder;
  write_hdf5_spikes(folder / "a.h5", samples, {"zero", "one"}, layout);
  const auto recordings = open_spike_file("a", folder / "a.h5");
  Events events;
  for (std::int64_t i = 0; i < recordings->size(); ++i) recordings->read(i, events);
}

/// A spike file put together by hand, any part of which may lie.
struct Parts {
  h5::Encoder times_type = h5::encode_sequence(h5::encode_float(DType::f32));
  h5::Encoder units_type = h5::encode_sequence(h5::encode_u16());
  std::uint64_t times_count = 1, units_count = 1, labels_count = 1;
  std::uint32_t times_length = 2, units_length = 2;
  std::uint32_t times_index = 1, units_index = 2;
  std::uint64_t heap_offset = 0;  ///< added to the heap's address
  std::uint64_t list_bytes = 16;
  bool has_spikes = true;
};

Bytes file_of(const Parts& parts) {
  h5::Encoder file;
  file.bytes.resize(h5::superblock_bytes);
  const auto put = [&](const h5::Encoder& piece) {
    const std::uint64_t at = file.bytes.size();
    file.append(piece).pad(8);
    return at;
  };
  h5::HeapEncoder objects;
  objects.add(Bytes{0, 0, 0, 0, 0, 0, 0, 63});  // 0 and 0.5
  objects.add(Bytes{1, 0, 2, 0});
  const std::uint64_t heap = put(objects.take()) + parts.heap_offset;
  h5::Encoder times, units, labels;
  h5::encode_reference(times, parts.times_length, heap, parts.times_index);
  h5::encode_reference(units, parts.units_length, heap, parts.units_index);
  labels.u16(0);
  const std::uint64_t times_at = put(times), units_at = put(units), labels_at = put(labels);
  const std::uint64_t times_list =
      put(h5::encode_list(parts.times_type, parts.times_count, times_at, parts.list_bytes));
  const std::uint64_t units_list =
      put(h5::encode_list(parts.units_type, parts.units_count, units_at, parts.list_bytes));
  const std::uint64_t labels_list =
      put(h5::encode_list(h5::encode_u16(), parts.labels_count, labels_at, 2));
  const std::uint64_t spikes =
      put(h5::encode_group({{"times", times_list}, {"units", units_list}}, file.bytes.size()));
  h5::Members members{{"labels", labels_list}};
  if (parts.has_spikes) members.emplace_back("spikes", spikes);
  const std::uint64_t root = put(h5::encode_group(members, file.bytes.size()));
  const h5::Encoder head = h5::encode_superblock(root, file.bytes.size());
  std::copy(head.bytes.begin(), head.bytes.end(), file.bytes.begin());
  return file.bytes;
}

Events read_parts(const Parts& parts) {
  MemoryFile file;
  file.set(file_of(parts));
  Events events;
  open_spike_file("a", file.path())->read(0, events);
  return events;
}

void check_refused(const Parts& parts, const std::string& text) {
  CHECK_ERROR(read_parts(parts), format, text);
  CHECK_ERROR(read_parts(parts), format, "[spikes] /proc/self/fd/");
}

}  // namespace

TEST_CASE("a spike file put together by hand is read") {
  const Events events = read_parts({});
  CHECK(events.t == std::vector<std::int64_t>{0, 500'000});
  CHECK(events.x == std::vector<std::int16_t>{1, 2});
}

TEST_CASE("spikes that no sensor sent are named with sample and spike") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const SpikeTrain good{.times = {1}, .units = {1}};
  const auto with_time = [&](double time) {
    return std::vector<SpikeTrain>{good, {.times = {0, time}, .units = {1, 2}}};
  };
  CHECK_ERROR(read_library_file(with_time(nan)), format,
              "sample 1 has spike 1 at nan s; times must be in [0, 1e+09].");
  CHECK_ERROR(read_library_file(with_time(infinity)), format, "spike 1 at inf s");
  CHECK_ERROR(read_library_file(with_time(infinity), {.times = half_type()}), format,
              "spike 1 at inf s");
  CHECK_ERROR(read_library_file(with_time(-0.5)), format, "spike 1 at -0.5 s");
  CHECK_ERROR(read_library_file(with_time(1e300), {.times = H5T_IEEE_F64LE}), format,
              "spike 1 at 1e+300 s");
  const auto with_unit = [&](double unit) {
    return std::vector<SpikeTrain>{good, {.times = {0, 1, 2}, .units = {1, 2, unit}}};
  };
  CHECK_ERROR(read_library_file(with_unit(700)), format,
              "sample 1 has spike 2 in channel 700; channels must be in [0, 700).");
  CHECK_ERROR(read_library_file(with_unit(-1), {.units = H5T_STD_I32LE}), format,
              "spike 2 in channel -1;");
  CHECK_ERROR(read_library_file(with_unit(65536), {.units = H5T_STD_U32LE}), format,
              "spike 2 in channel 65536;");
  CHECK_ERROR(read_library_file(with_unit(1.5), {.units = H5T_IEEE_F32LE}), format,
              "spike 2 in channel 1.5;");
  CHECK_ERROR(read_library_file(with_unit(nan), {.units = H5T_IEEE_F32LE}), format,
              "spike 2 in channel nan;");
}

TEST_CASE("times and units of different numbers are named") {
  CHECK_ERROR(read_library_file({{.times = {1}, .units = {1}}, {.times = {1, 2}, .units = {1}}}),
              format, "sample 1 has 2 times and 1 units; they must be as many.");
  check_refused({.units_length = 3}, "sample 0 has 2 times and 3 units");
}

TEST_CASE("labels without a class are named") {
  const auto labelled = [](double label) {
    return std::vector<SpikeTrain>{{.times = {1}, .units = {1}},
                                   {.times = {1}, .units = {1}, .label = label}};
  };
  CHECK_ERROR(read_library_file(labelled(2)), format,
              "sample 1 has the label 2; there are 2 classes.");
  CHECK_ERROR(read_library_file(labelled(-1), {.labels = H5T_STD_I8LE}), format,
              "sample 1 has the label -1;");
  CHECK_ERROR(read_library_file(labelled(0.5), {.labels = H5T_IEEE_F32LE}), format,
              "element 1 of labels must be a whole number; it is 0.5");
  CHECK_ERROR(read_library_file(labelled(1e18), {.labels = H5T_STD_U64LE, .keys = Texts::none}),
              format, "has the label 1000000000000000000; there are 0 classes.");
}

TEST_CASE("what is missing from a spike file is named") {
  CHECK_ERROR(read_library_file({{.times = {1}, .units = {1}}}, {.with_units = false}), format,
              "there is no spikes/units.");
  check_refused({.has_spikes = false}, "there is no group spikes, so no spikes/times.");
}

TEST_CASE("what is no spike file is refused") {
  MemoryFile file;
  const auto open = [&](const Bytes& content) {
    file.set(content);
    open_spike_file("a", file.path());
  };
  CHECK_ERROR(open({}), format, "it is empty.");
  CHECK_ERROR(open(Bytes(5000, 7)), format, "it is not an HDF5 file.");
  CHECK_ERROR(open_spike_file("a", "/nowhere/a.h5"), ErrorCode::io,
              "[spikes] cannot open /nowhere/a.h5: No such file or directory.");
  Bytes content = file_of({});
  content[8] = 9;
  CHECK_ERROR(open(content), format, "the superblock at byte 0 is of a version above 3.");
}

TEST_CASE("a spike file cut anywhere is refused") {
  const Bytes whole = file_of({});
  for (std::size_t length = 0; length < whole.size(); length += 7) {
    CAPTURE(length);
    // A file of its own: a memory file does not become shorter.
    MemoryFile file;
    file.set(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)));
    CHECK_ERROR(open_spike_file("a", file.path()), format, "[spikes] ");
  }
  MemoryFile file;
  file.set(Bytes(whole.begin(), whole.end() - 1));
  CHECK_ERROR(open_spike_file("a", file.path()), format,
              fmt::format("it is truncated: it was written with {} bytes and has {}.", whole.size(),
                          whole.size() - 1));
}

TEST_CASE("numbers of samples that lie take no memory") {
  constexpr std::uint64_t huge = std::uint64_t{1} << 60;
  check_refused({.times_count = huge}, "spikes/times has 1152921504606846976 elements; at most");
  check_refused({.times_count = 2000, .list_bytes = 32000}, "ends beyond the file's");
  check_refused({.units_count = 2}, "spikes/units has 2 samples and spikes/times 1;");
  check_refused({.labels_count = 2}, "labels has 2 samples and spikes/times 1;");
  check_refused({.times_count = 0, .units_count = 0, .labels_count = 0},
                "there are no samples in it.");
}

TEST_CASE("lengths of sequences that lie take no memory") {
  check_refused({.times_length = 0xffffffff, .units_length = 0xffffffff},
                "the heap at byte 96 has 8 bytes for element 0 of spikes/times, which promises "
                "17179869180.");
  check_refused({.times_length = 1, .units_length = 1}, "which promises 4.");
  check_refused({.times_index = 3}, "does not hold element 0 of spikes/times.");
  check_refused({.times_index = 0}, "does not hold element 0 of spikes/times.");
  check_refused({.units_index = 1}, "has 8 bytes for element 0 of spikes/units");
  check_refused({.heap_offset = 8}, "does not begin with GCOL.");
  check_refused({.heap_offset = std::uint64_t{0} - 200}, "ends beyond the file's");
  check_refused({.heap_offset = std::uint64_t{1} << 63}, "ends beyond the file's");
}

TEST_CASE("spikes of types that are no numbers are refused") {
  check_refused({.times_type = h5::encode_float(DType::f64)},
                "spikes/times must hold a sequence of numbers for each sample.");
  check_refused({.units_type = h5::encode_sequence(h5::encode_text(2))},
                "spikes/units must hold a sequence of numbers for each sample.");
  check_refused({.times_type = h5::encode_text(1 << 20)},
                "spikes/times has elements of 1048576 bytes; 1 to 1024 are accepted.");
}

TEST_CASE("data sets of another rank are refused") {
  Bytes content = file_of({});
  const std::uint8_t one_sample[] = {1, 1, 0, 0, 0, 0, 0, 0, 1, 0};  // version, rank, ..., count
  auto space =
      std::search(content.begin(), content.end(), std::begin(one_sample), std::end(one_sample));
  REQUIRE(space != content.end());
  space[1] = 2;
  MemoryFile file;
  file.set(content);
  CHECK_ERROR(open_spike_file("a", file.path()), format,
              "spikes/times has rank 2; it must have rank 1.");
}

TEST_CASE("chunks that are damaged are named") {
  const TemporaryFolder folder;
  write_hdf5_spikes(folder / "a.h5", {{.times = {1}, .units = {1}}}, {"zero"},
                    {.chunk = 64, .gzip = 9});
  Bytes content = file_bytes(folder / "a.h5");
  // zlib's two bytes of the best compression begin every chunk.
  const std::uint8_t zlib[] = {0x78, 0xda};
  auto chunk = std::search(content.begin(), content.end(), std::begin(zlib), std::end(zlib));
  REQUIRE(chunk != content.end());
  chunk[4] ^= 0xff;
  MemoryFile file;
  file.set(content);
  CHECK_ERROR(open_spike_file("a", file.path()), format, "of spikes/times cannot be unpacked.");
}

}  // namespace ranvier::test
