#include "ranvier/data/event_sets/spike_file.h"

#include <numeric>

#include "tests/data/hdf5_spikes.h"
#include "tests/data/idx_writer.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode format = ErrorCode::format;

/// Times that every type of float holds, so that files of all of them are alike.
const std::vector<SpikeTrain> three_samples{
    {.times = {0, 0.25, 0.25, 1.5}, .units = {3, 0, 99, 7}, .label = 1},
    {.times = {}, .units = {}, .label = 0},
    {.times = {2, 3}, .units = {98, 1}, .label = 2}};
const std::vector<std::string> three_keys{"zero", "one", "three"};

void check_three_samples(const Recordings& recordings) {
  REQUIRE(recordings.size() == 3);
  CHECK(recordings.sensor() == Sensor{.width = 100});
  Events events;
  events.push_back(1, 2, 3, 0);  // to be overwritten
  for (std::int64_t i = 0; i < 3; ++i) {
    const SpikeTrain& expected = three_samples[static_cast<std::size_t>(i)];
    CHECK(recordings.label(i) == static_cast<std::int64_t>(expected.label));
    recordings.read(i, events);
    REQUIRE(events.t.size() == expected.times.size());
    for (std::size_t k = 0; k < events.t.size(); ++k) {
      CHECK(static_cast<double>(events.t[k]) == 1e6 * expected.times[k]);
      CHECK(events.x[k] == expected.units[k]);
    }
    CHECK(std::count(events.y.begin(), events.y.end(), 0) == events.size());
    CHECK(std::count(events.p.begin(), events.p.end(), 1) == events.size());
    CHECK((events.y.size() == events.t.size() && events.p.size() == events.t.size()));
  }
}

/// Sums over all samples, exact in these types.
struct Sums {
  std::int64_t events = 0, units = 0, microseconds = 0;
};

Sums sums_of(const Recordings& recordings) {
  Sums sums;
  Events events;
  for (std::int64_t i = 0; i < recordings.size(); ++i) {
    recordings.read(i, events);
    sums.events += events.size();
    sums.units = std::accumulate(events.x.begin(), events.x.end(), sums.units);
    sums.microseconds = std::accumulate(events.t.begin(), events.t.end(), sums.microseconds);
  }
  return sums;
}

}  // namespace

TEST_CASE("spiking spoken digits read as their README says") {
  const auto folder = shared_data("fsdd-spikes");
  if (!folder) return;
  struct Expected {
    const char* file;
    std::int64_t samples;
    Sums sums;
    double seconds;
    std::int64_t label;
    std::vector<std::int64_t> first_times;
    std::vector<std::int16_t> first_units;
    std::int64_t last_time, last_unit;
    std::int64_t count;
  };
  const std::vector<Expected> splits{{"train.h5",
                                      2700,
                                      {10952198, 5753011540, 0},
                                      2041337.866922,
                                      1,
                                      {4707, 4833, 8919},
                                      {465, 489, 681},
                                      681641,
                                      348,
                                      5452},
                                     {"test.h5",
                                      300,
                                      {1220498, 638623347, 0},
                                      225164.551726,
                                      2,
                                      {3542, 4707, 6832},
                                      {422, 661, 414},
                                      290039,
                                      606,
                                      2983}};
  for (const Expected& expected : splits) {
    CAPTURE(expected.file);
    const auto recordings = open_spike_file("digits", *folder / expected.file);
    CHECK(recordings->size() == expected.samples);
    CHECK(recordings->classes().size() == 10);
    CHECK(recordings->classes().at(9) == "nine");
    CHECK(recordings->label(0) == expected.label);
    const Sums sums = sums_of(*recordings);
    CHECK(sums.events == expected.sums.events);
    CHECK(sums.units == expected.sums.units);
    // Each time was rounded by half a microsecond at most.
    CHECK(std::abs(1e-6 * static_cast<double>(sums.microseconds) - expected.seconds) <
          0.5e-6 * static_cast<double>(sums.events));
    Events events;
    recordings->read(0, events);
    REQUIRE(events.size() == expected.count);
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(events.t[i] == expected.first_times[i]);
      CHECK(events.x[i] == expected.first_units[i]);
    }
    CHECK(events.t.back() == expected.last_time);
    CHECK(events.x.back() == expected.last_unit);
  }
}

TEST_CASE("spike files of every type of number are read the same") {
  const TemporaryFolder folder;
  const std::vector<hid_t> floats{half_type(), H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_IEEE_F32BE,
                                  H5T_IEEE_F64BE};
  const std::vector<hid_t> integers{H5T_STD_I8LE,  H5T_STD_U8LE,  H5T_STD_I16LE, H5T_STD_U16LE,
                                    H5T_STD_I32LE, H5T_STD_U32LE, H5T_STD_I64LE, H5T_STD_U64LE,
                                    H5T_STD_U16BE, H5T_STD_I64BE};
  for (const hid_t times : floats) {
    write_hdf5_spikes(folder / "a.h5", three_samples, three_keys, {.times = times});
    check_three_samples(*open_spike_file("a", folder / "a.h5", {.channels = 100}));
    write_hdf5_spikes(folder / "a.h5", three_samples, three_keys,
                      {.units = times, .labels = times});
    check_three_samples(*open_spike_file("a", folder / "a.h5", {.channels = 100}));
  }
  for (const hid_t type : integers) {
    write_hdf5_spikes(folder / "a.h5", three_samples, three_keys, {.units = type, .labels = type});
    check_three_samples(*open_spike_file("a", folder / "a.h5", {.channels = 100}));
  }
}

TEST_CASE("spike files of every layout are read the same") {
  const TemporaryFolder folder;
  const std::vector<Hdf5Layout> layouts{{.chunk = 1},
                                        {.chunk = 2},
                                        {.chunk = 256},
                                        {.chunk = 2, .gzip = 9},
                                        {.chunk = 2, .shuffle = true},
                                        {.chunk = 3, .gzip = 1, .shuffle = true},
                                        {.keys = Texts::any_length},
                                        {.chunk = 2, .gzip = 4, .keys = Texts::any_length},
                                        {.latest = true},
                                        {.latest = true, .keys = Texts::any_length},
                                        {.user_block = 512},
                                        {.latest = true, .user_block = 2048}};
  for (std::size_t i = 0; i < layouts.size(); ++i) {
    CAPTURE(i);
    write_hdf5_spikes(folder / "a.h5", three_samples, three_keys, layouts[i]);
    const auto recordings = open_spike_file("a", folder / "a.h5", {.channels = 100});
    check_three_samples(*recordings);
    CHECK(recordings->classes() == three_keys);
  }
}

TEST_CASE("chunks in HDF5's newest index formats are refused with advice") {
  const TemporaryFolder folder;
  write_hdf5_spikes(folder / "a.h5", three_samples, three_keys, {.chunk = 2, .latest = true});
  CHECK_ERROR(open_spike_file("a", folder / "a.h5"), format,
              "spikes/times lists its chunks in a format that is not read here; h5repack writes "
              "the file anew in the earliest format.");
}

TEST_CASE("a gzipped spike file is read as the plain one, and leaves nothing behind") {
  const TemporaryFolder folder;
  write_hdf5_spikes(folder / "a.h5", three_samples, three_keys);
  write_file(folder / "a.h5.gz", gzipped(file_bytes(folder / "a.h5")));
  check_three_samples(*open_spike_file("a", folder / "a.h5.gz", {.channels = 100}));
  const auto size = static_cast<std::int64_t>(file_bytes(folder / "a.h5").size());
  CHECK_ERROR(open_spike_file("a", folder / "a.h5.gz", {.read = {.max_bytes = size - 1}}), format,
              "a.h5.gz unpacks to more than " + std::to_string(size - 1) + " bytes.");
  CHECK_ERROR(open_spike_file("a", folder / "a.h5", {.read = {.max_bytes = size - 1}}), format,
              "at most " + std::to_string(size - 1) + " are accepted.");
  const std::filesystem::directory_iterator files(folder.path());
  CHECK(std::distance(begin(files), end(files)) == 2);
}

TEST_CASE("times become the nearest microsecond of their value as f64") {
  const TemporaryFolder folder;
  // As f32, 0.1 is 0.100000001490116...; 0.0000025 is just below the middle between 2 and 3.
  write_hdf5_spikes(folder / "a.h5",
                    {{.times = {0.1, 1.4999996, 1.5000004, 2.5e-6}, .units = {0, 1, 2, 3}}}, {"a"},
                    {.times = H5T_IEEE_F64LE});
  Events events;
  open_spike_file("a", folder / "a.h5")->read(0, events);
  std::sort(events.t.begin(), events.t.end());
  CHECK(events.t == std::vector<std::int64_t>{2, 100000, 1500000, 1500000});
}

TEST_CASE("spikes out of order are sorted with their channels, or refused by name") {
  const TemporaryFolder folder;
  write_hdf5_spikes(folder / "a.h5", {{.times = {2, 1, 1.5}, .units = {20, 10, 15}}}, {"a"});
  Events events;
  open_spike_file("a", folder / "a.h5")->read(0, events);
  CHECK(events.t == std::vector<std::int64_t>{1000000, 1500000, 2000000});
  CHECK(events.x == std::vector<std::int16_t>{10, 15, 20});
  const auto strict = open_spike_file("a", folder / "a.h5", {.read = {.order = TimeOrder::reject}});
  CHECK_ERROR(strict->read(0, events), format,
              "a.h5: sample 0: time runs backwards at event 1, from 2000000 to 1000000 us");
}

TEST_CASE("classes without names are called by their numbers") {
  const TemporaryFolder folder;
  write_hdf5_spikes(folder / "a.h5", three_samples, {}, {.keys = Texts::none});
  CHECK(open_spike_file("a", folder / "a.h5", {.channels = 100})->classes() ==
        std::vector<std::string>{"0", "1", "2"});
}

TEST_CASE("the identity of a spike file follows its content and its options") {
  const TemporaryFolder folder;
  write_hdf5_spikes(folder / "a.h5", three_samples, three_keys);
  const auto identity = [&](std::int64_t channels) {
    return open_spike_file("a", folder / "a.h5", {.channels = channels})->identity();
  };
  const std::string before = identity(100);
  CHECK(identity(100) == before);
  CHECK(identity(101) != before);
  write_hdf5_spikes(folder / "a.h5", {three_samples[0]}, three_keys);
  CHECK(identity(100) != before);
}

}  // namespace ranvier::test
