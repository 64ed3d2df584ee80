#include "ranvier/data/event_sets/spike_file_writer.h"

#include <unistd.h>

#include <fstream>

#include "ranvier/data/event_sets/spike_file.h"
#include "tests/data/hdf5_spikes.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;
using detail::H5Context;
using detail::H5Handle;

/// A sample of `count` events, some at one time, up to twelve seconds.
Events sample_of(std::int64_t count) {
  Events events;
  for (std::int64_t i = 0; i < count; ++i)
    events.push_back(i / 2 * 12'000'001 / count, static_cast<std::int16_t>(i * 37 % 700), 0, 1);
  return events;
}

/// The sequences of a data set, as the HDF5 library reads them.
std::vector<std::vector<double>> library_sequences(const std::filesystem::path& path,
                                                   const std::string& name) {
  const H5Context h5("test", path.string());
  const H5Handle file =
      h5.own(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, "open");
  const H5Handle list = h5.own(H5Dopen2(file.get(), name.c_str(), H5P_DEFAULT), H5Dclose, name);
  const H5Handle space = h5.own(H5Dget_space(list.get()), H5Sclose, "measure");
  const H5Handle type = h5.own(H5Tvlen_create(H5T_NATIVE_DOUBLE), H5Tclose, "make a type");
  std::vector<hvl_t> found(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space.get())));
  h5.check(H5Dread(list.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, found.data()), "read");
  std::vector<std::vector<double>> sequences;
  for (const hvl_t& sequence : found) {
    const auto* values = static_cast<const double*>(sequence.p);
    sequences.emplace_back(values, values + sequence.len);
  }
  h5.check(H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, found.data()), "reclaim");
  return sequences;
}

template <class T>
std::vector<T> library_list(const std::filesystem::path& path, const std::string& name,
                            hid_t memory_type, std::size_t count) {
  const H5Context h5("test", path.string());
  const H5Handle file =
      h5.own(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, "open");
  const H5Handle list = h5.own(H5Dopen2(file.get(), name.c_str(), H5P_DEFAULT), H5Dclose, name);
  std::vector<T> values(count);
  h5.check(H5Dread(list.get(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "read");
  return values;
}

const std::vector<std::int64_t> sizes{0, 1, 2, 700, 3, 20000, 0, 1500, 5};

void write_samples(const std::filesystem::path& path, const SpikeFileWriterOptions& options) {
  SpikeFileWriter writer(path, {"zero", "", "the second"}, options);
  for (std::size_t i = 0; i < sizes.size(); ++i)
    writer.append(sample_of(sizes[i]), static_cast<std::int64_t>(i % 3));
  writer.finish();
}

}  // namespace

TEST_CASE("spikes come back from their file to the microsecond") {
  const TemporaryFolder folder;
  for (const DType times : {DType::f32, DType::f64}) {
    write_samples(folder / "a.h5", {.times = times});
    const auto recordings = open_spike_file("a", folder / "a.h5");
    REQUIRE(recordings->size() == static_cast<std::int64_t>(sizes.size()));
    CHECK(recordings->classes() == std::vector<std::string>{"zero", "", "the second"});
    Events events;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const auto index = static_cast<std::int64_t>(i);
      recordings->read(index, events);
      CHECK(events == sample_of(sizes[i]));
      CHECK(recordings->label(index) == index % 3);
    }
  }
}

TEST_CASE("times stored as f16 are as near as f16 can be") {
  const TemporaryFolder folder;
  write_samples(folder / "a.h5", {.times = DType::f16});
  const auto recordings = open_spike_file("a", folder / "a.h5");
  Events events;
  recordings->read(5, events);
  const Events exact = sample_of(sizes[5]);
  CHECK(events.x == exact.x);
  CHECK(events.t != exact.t);
  for (std::size_t i = 0; i < exact.t.size(); ++i) {
    const double apart = std::abs(static_cast<double>(events.t[i] - exact.t[i]));
    if (apart > 0x1p-11 * static_cast<double>(exact.t[i]) + 1) FAIL("time " << i << " is off");
  }
}

TEST_CASE("the HDF5 library reads what we write") {
  const TemporaryFolder folder;
  write_samples(folder / "a.h5", {});
  const auto times = library_sequences(folder / "a.h5", "spikes/times");
  const auto units = library_sequences(folder / "a.h5", "spikes/units");
  REQUIRE(times.size() == sizes.size());
  REQUIRE(units.size() == sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const Events events = sample_of(sizes[i]);
    REQUIRE(times[i].size() == events.t.size());
    REQUIRE(units[i].size() == events.x.size());
    for (std::size_t k = 0; k < events.t.size(); ++k) {
      if (times[i][k] !=
          static_cast<double>(static_cast<float>(1e-6 * static_cast<double>(events.t[k]))))
        FAIL("time " << k << " of sample " << i);
      if (units[i][k] != events.x[k]) FAIL("unit " << k << " of sample " << i);
    }
  }
  CHECK(library_list<std::int64_t>(folder / "a.h5", "labels", H5T_NATIVE_INT64, sizes.size()) ==
        std::vector<std::int64_t>{0, 1, 2, 0, 1, 2, 0, 1, 2});
  const H5Context h5("test", "a.h5");
  const H5Handle text = h5.own(H5Tcopy(H5T_C_S1), H5Tclose, "make a text type");
  h5.check(H5Tset_size(text.get(), 10), "size a text type");
  h5.check(H5Tset_cset(text.get(), H5T_CSET_UTF8), "encode a text type");
  h5.check(H5Tset_strpad(text.get(), H5T_STR_NULLPAD), "pad a text type");
  using Name = std::array<char, 10>;
  const auto names = library_list<Name>(folder / "a.h5", "extra/keys", text.get(), 3);
  CHECK(std::string(names[2].data(), 10) == "the second");
}

TEST_CASE("a spike file says how many channels there are") {
  const TemporaryFolder folder;
  SpikeFileWriter writer(folder / "a.h5", {"a"}, {.channels = 32768});
  Events events;
  events.push_back(5, 32767, 0, 1);
  writer.append(events, 0);
  writer.finish();
  CHECK(open_spike_file("a", folder / "a.h5")->sensor().width == 32768);
  CHECK(open_spike_file("a", folder / "a.h5", {.channels = 9})->sensor().width == 9);
}

// The address sanitizer keeps freed memory for a while: what is resident there is not ours.
#if !defined(__SANITIZE_ADDRESS__)
TEST_CASE("a file takes no memory for more than a sample, written or read") {
  const TemporaryFolder folder;
  const auto resident = [] {
    std::int64_t pages = 0, resident_pages = 0;
    std::ifstream("/proc/self/statm") >> pages >> resident_pages;
    return resident_pages * sysconf(_SC_PAGESIZE);
  };
  constexpr std::int64_t samples = 1000, limit = 8 << 20;
  const Events sample = sample_of(8000);
  const std::int64_t before = resident();
  SpikeFileWriter writer(folder / "a.h5", {"a"});
  for (std::int64_t i = 0; i < samples; ++i) writer.append(sample, 0);
  writer.finish();
  CHECK(std::filesystem::file_size(folder / "a.h5") > 5 * limit);
  CHECK(resident() - before < limit);
  const auto recordings = open_spike_file("a", folder / "a.h5");
  Events events;
  std::int64_t total = 0;
  for (std::int64_t i = 0; i < samples; ++i) {
    recordings->read(i, events);
    total += events.size();
  }
  CHECK(total == samples * sample.size());
  CHECK(resident() - before < limit);
}
#endif

TEST_CASE("equal spikes are equal files") {
  const TemporaryFolder folder;
  write_samples(folder / "a.h5", {});
  write_samples(folder / "b.h5", {});
  CHECK(file_bytes(folder / "a.h5") == file_bytes(folder / "b.h5"));
}

TEST_CASE("a spike file that is not finished leaves the one before alone") {
  const TemporaryFolder folder;
  write_samples(folder / "a.h5", {});
  const Bytes before = file_bytes(folder / "a.h5");
  {
    SpikeFileWriter writer(folder / "a.h5", {"a"});
    writer.append(sample_of(5000), 0);
    CHECK_ERROR(writer.append(sample_of(1), 1), invalid,
                "a.h5: sample 1 has the label 1; there are 1 classes.");
  }
  CHECK(file_bytes(folder / "a.h5") == before);
  std::filesystem::create_symlink("/dev/full", folder / "a.h5.tmp");
  CHECK_ERROR(write_samples(folder / "a.h5", {}), ErrorCode::io,
              "a.h5.tmp: No space left on device.");
  CHECK(file_bytes(folder / "a.h5") == before);
  const std::filesystem::directory_iterator files(folder.path());
  CHECK(std::distance(begin(files), end(files)) == 1);
}

TEST_CASE("a sample that is refused leaves nothing in a spike file") {
  const TemporaryFolder folder;
  Events first, second, outside;
  first.push_back(10, 1, 0, 1);
  second.push_back(20, 2, 0, 1);
  outside.push_back(30, 10, 0, 1);
  SpikeFileWriter writer(folder / "a.h5", {"a"}, {.channels = 10});
  writer.append(first, 0);
  CHECK_ERROR(writer.append(outside, 0), invalid, "is at (10, 0)");
  writer.append(second, 0);
  writer.finish();
  const auto read = open_spike_file("a", folder / "a.h5");
  REQUIRE(read->size() == 2);
  Events events;
  read->read(0, events);
  CHECK(events == first);
  read->read(1, events);
  CHECK(events == second);
}

TEST_CASE("spikes that a file cannot hold are refused by name") {
  const TemporaryFolder folder;
  const auto append = [&](std::int64_t t, std::int16_t x, std::int16_t y, DType times,
                          std::uint8_t p = 1) {
    SpikeFileWriter writer(folder / "a.h5", {"a"}, {.times = times, .channels = 10});
    Events events;
    events.push_back(0, 0, 0, 1);
    events.push_back(t, x, y, p);
    writer.append(events, 0);
  };
  CHECK_ERROR(append(1, 10, 0, DType::f32), invalid,
              "event 1 of sample 0 is at (10, 0); there are 10 channels in row 0.");
  CHECK_ERROR(append(1, -1, 0, DType::f32), invalid, "is at (-1, 0)");
  CHECK_ERROR(append(1, 0, 2, DType::f32), invalid, "is at (0, 2)");
  CHECK_ERROR(append(1, 0, 0, DType::f32, 0), invalid,
              "event 1 of sample 0 is OFF; the layout of SHD has no polarities: merge them.");
  CHECK_ERROR(append(-1, 0, 0, DType::f32), invalid,
              "event 1 of sample 0 at -1 us cannot be stored as f32 seconds.");
  CHECK_ERROR(append(40'000'001, 0, 0, DType::f32), invalid,
              "at 40000001 us cannot be stored as f32 seconds; f64 can.");
  CHECK_ERROR(append(70'000'000'000, 0, 0, DType::f16), invalid, "as f16 seconds; f64 can.");
  CHECK_NOTHROW(append(40'000'001, 0, 0, DType::f64));
  CHECK_ERROR(SpikeFileWriter(folder / "a.h5", {}), invalid, "1 to 65536 classes must be named");
  CHECK_ERROR(SpikeFileWriter(folder / "a.h5", {"a"}, {.times = DType::i64}), invalid,
              "times are stored as f16, f32 or f64; got i64.");
  CHECK_ERROR(SpikeFileWriter(folder / "a.h5", {"a"}).finish(), invalid, "needs a sample at least");
}

}  // namespace ranvier::test
