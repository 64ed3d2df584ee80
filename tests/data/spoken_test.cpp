#include "ranvier/data/event_sets/spoken.h"

#include "tests/data/hdf5_spikes.h"
#include "tests/data/idx_writer.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {
namespace {

void write_one(const std::filesystem::path& path, std::size_t spikes) {
  write_hdf5_spikes(
      path,
      {{.times = std::vector<double>(spikes, 0.5), .units = std::vector<double>(spikes, 699)}},
      {"zero"});
}

/// Events of the only sample, and what errors call the set.
void check_one(const Recordings& recordings, const std::string& name, std::int64_t spikes) {
  Events events;
  recordings.read(0, events);
  CHECK(events.size() == spikes);
  CHECK(recordings.name() == name);
  CHECK(recordings.sensor() == Sensor{.width = 700});
}

}  // namespace

TEST_CASE("spoken words are found under their published names, plain and gzipped") {
  const TemporaryFolder folder;
  write_one(folder / "shd_train.h5", 1);
  write_one(folder / "plain", 2);
  write_file(folder / "shd_test.h5.gz", gzipped(file_bytes(folder / "plain")));
  write_one(folder / "ssc_train.h5", 3);
  write_one(folder / "ssc_valid.h5", 4);
  write_one(folder / "ssc_test.h5", 5);
  write_one(folder / "train.h5", 6);
  write_one(folder / "test.h5", 7);
  write_one(folder / "valid.h5", 8);
  const auto from = [&](Split split) {
    return DatasetSource{.split = split, .directory = folder.path()};
  };
  check_one(*load_shd(from(Split::train)), "shd train", 1);
  check_one(*load_shd(from(Split::test)), "shd test", 2);
  check_one(*load_ssc(from(Split::train)), "ssc train", 3);
  check_one(*load_ssc(from(Split::valid)), "ssc valid", 4);
  check_one(*load_ssc(from(Split::test)), "ssc test", 5);
  check_one(*load_fsdd_spikes(from(Split::train)), "fsdd train", 6);
  check_one(*load_fsdd_spikes(from(Split::test)), "fsdd test", 7);
  check_one(*load_spike_files("made", from(Split::valid)), "made valid", 8);
}

TEST_CASE("missing files of spoken words are named with where to get them") {
  const TemporaryFolder folder;
  CHECK_ERROR(load_shd({.split = Split::test, .directory = folder.path()}), ErrorCode::io,
              "[shd] there is no shd_test.h5 or shd_test.h5.gz in " + folder.path().string() +
                  ". Get shd_train.h5.gz and shd_test.h5.gz of zenkelab.org/datasets");
  CHECK_ERROR(load_ssc({.split = Split::valid, .directory = folder.path()}), ErrorCode::io,
              "[ssc] there is no ssc_valid.h5 or");
  CHECK_ERROR(load_fsdd_spikes({.directory = folder.path()}), ErrorCode::io,
              "[fsdd] there is no train.h5 or");
  CHECK_ERROR(load_shd({.split = Split::valid, .directory = folder.path()}),
              ErrorCode::invalid_argument, "[shd] the split must be train or test; got valid.");
}

TEST_CASE("spiking spoken digits have ten classes in both splits") {
  const auto folder = shared_data("fsdd-spikes");
  if (!folder) return;
  for (const Split split : {Split::train, Split::test}) {
    const auto digits = load_fsdd_spikes({.split = split, .directory = *folder});
    std::vector<std::int64_t> samples(digits->classes().size());
    for (std::int64_t i = 0; i < digits->size(); ++i)
      ++samples[static_cast<std::size_t>(digits->label(i))];
    CHECK(samples == std::vector<std::int64_t>(10, split == Split::train ? 270 : 30));
  }
}

}  // namespace ranvier::test
