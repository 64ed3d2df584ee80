#include "ranvier/data/event_sets/ntidigits.h"

#include "tests/data/hdf5_spikes.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode format = ErrorCode::format;

struct Spoken {
  std::string text;
  std::vector<double> times, units;
};

/// Writes the training split with the HDF5 library: as many groups' members as there are samples.
void write_ntidigits(const std::filesystem::path& folder, const std::vector<Spoken>& samples) {
  using namespace hdf5_spikes;
  const std::filesystem::path path = folder / "n-tidigits.hdf5";
  const H5Context h5("test", path.string());
  const H5Handle file =
      h5.own(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose, "create");
  for (const char* group : {"train_timestamps", "train_addresses"})
    h5.own(H5Gcreate2(file.get(), group, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose, group);
  std::string labels;
  for (const Spoken& sample : samples) {
    std::string padded = sample.text;
    padded.resize(20);
    labels += padded;
    write_list(h5, file.get(), "train_timestamps/" + sample.text, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE,
               sample.times.size(), sample.times.data(), {});
    write_list(h5, file.get(), "train_addresses/" + sample.text, H5T_STD_U8LE, H5T_NATIVE_DOUBLE,
               sample.units.size(), sample.units.data(), {});
  }
  const H5Handle text = h5.own(H5Tcopy(H5T_C_S1), H5Tclose, "make a text type");
  h5.check(H5Tset_size(text.get(), 20), "size a text type");
  h5.check(H5Tset_strpad(text.get(), H5T_STR_NULLPAD), "pad a text type");
  write_list(h5, file.get(), "train_labels", text.get(), text.get(), samples.size(), labels.data(),
             {});
}

std::shared_ptr<const Recordings> load_from(const TemporaryFolder& folder) {
  return load_ntidigits({.directory = folder.path()});
}

}  // namespace

TEST_CASE("N-TIDIGITS: the recordings of single digits are read, others left out") {
  const TemporaryFolder folder;
  std::vector<Spoken> samples{{"man-ae-b-o", {0.5, 0.25}, {63, 0}},
                              {"man-ae-b-12", {1}, {1}},
                              {"woman-x-a-z", {}, {}},
                              {"woman-x-a-7", {0.000001}, {5}}};
  // Enough members for a group's tree to have several tables.
  for (int i = 0; i < 500; ++i)
    samples.push_back({fmt::format("boy-{:03}-a-{}", i, 1 + i % 9), {1e-3 * i}, {1.0 * (i % 64)}});
  write_ntidigits(folder.path(), samples);
  const auto recordings = load_from(folder);
  CHECK(recordings->name() == "ntidigits train");
  CHECK(recordings->sensor() == Sensor{.width = 64});
  CHECK(recordings->classes().size() == 11);
  REQUIRE(recordings->size() == 503);
  CHECK(recordings->label(0) == 0);
  CHECK(recordings->label(1) == 10);
  CHECK(recordings->label(2) == 7);
  Events events;
  recordings->read(0, events);
  CHECK(events.t == std::vector<std::int64_t>{250'000, 500'000});
  CHECK(events.x == std::vector<std::int16_t>{0, 63});
  recordings->read(1, events);
  CHECK(events.empty());
  for (std::int64_t i = 0; i < 500; ++i) {
    recordings->read(3 + i, events);
    REQUIRE(events.size() == 1);
    CHECK(events.t[0] == 1000 * i);
    CHECK(events.x[0] == i % 64);
    CHECK(recordings->label(3 + i) == 1 + i % 9);
  }
}

TEST_CASE("N-TIDIGITS: what is missing or wrong is named") {
  const TemporaryFolder folder;
  CHECK_ERROR(load_from(folder), ErrorCode::io,
              "[ntidigits] there is no n-tidigits.hdf5 or n-tidigits.hdf5.gz in ");
  CHECK_ERROR(load_ntidigits({.split = Split::valid}), ErrorCode::invalid_argument,
              "[ntidigits] the split must be train or test; got valid.");
  write_ntidigits(folder.path(), {{"man-ae-b-1", {1, 2}, {3}}, {"man-ae-b-2", {1}, {64}}});
  CHECK_ERROR(load_from(folder)->read(0, *std::make_unique<Events>()), format,
              "man-ae-b-1 has 2 timestamps and 1 addresses; they must be as many.");
  CHECK_ERROR(load_from(folder)->read(1, *std::make_unique<Events>()), format,
              "number 0 of the addresses of man-ae-b-2 is 64; times must be in [0, 1e+09] s and "
              "channels in [0, 64).");
  CHECK_ERROR(load_ntidigits({.split = Split::test, .directory = folder.path()}), format,
              "there is no test_timestamps.");
  write_ntidigits(folder.path(), {{"man-ae-b-x", {1}, {3}}});
  CHECK_ERROR(load_from(folder), format, "ends in no digit of o123456789z.");
  write_ntidigits(folder.path(), {{"man-ae-b-12", {1}, {3}}});
  CHECK_ERROR(load_from(folder), format, "train_labels has no recording of a single digit.");
}

}  // namespace ranvier::test
