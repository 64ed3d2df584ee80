#include "ranvier/data/event_sets/cifar10_dvs.h"

#include <filesystem>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> classes = {"airplane", "automobile", "bird",  "cat",  "deer",
                                          "dog",      "frog",       "horse", "ship", "truck"};

/// Eleven recordings per class, `<class>/cifar10_<class>_<n>.aedat`; recording n of class c has one
/// event in column c and row n, ON, at 1000 us, and one 5 us later.
void write_pictures(const fs::path& folder) {
  for (std::size_t c = 0; c < classes.size(); ++c)
    for (int n = 0; n < 11; ++n) {
      Recording recording{.sensor = {128, 128, 2}, .events = {}};
      for (const std::int64_t t : {1000, 1005})
        recording.events.push_back(t, static_cast<std::int16_t>(c), static_cast<std::int16_t>(n),
                                   1);
      const fs::path path =
          folder / classes[c] / ("cifar10_" + classes[c] + "_" + std::to_string(n) + ".aedat");
      fs::create_directories(path.parent_path());
      write_file(path, encode_aedat2(recording, Aedat2Pixels::as_dat2mat));
    }
}

/// The numbers of the recordings of each class, in their order.
std::vector<int> numbers(const Recordings& recordings, std::int64_t label) {
  std::vector<int> result;
  Events events;
  for (std::int64_t i = 0; i < recordings.size(); ++i) {
    if (recordings.label(i) != label) continue;
    recordings.read(i, events);
    CHECK(events.x.at(0) == label);
    result.push_back(events.y.at(0));
  }
  return result;
}

}  // namespace

TEST_CASE("of each class of CIFAR10-DVS the first nine tenths by name train, the others test") {
  const TemporaryFolder folder;
  write_pictures(folder.path());
  const auto train = open_cifar10_dvs({.split = Split::train, .directory = folder.path()});
  const auto test = open_cifar10_dvs({.split = Split::test, .directory = folder.path()});
  CHECK(train->name() == "cifar10-dvs train");
  CHECK(train->classes() == classes);
  CHECK(train->sensor() == Sensor{128, 128, 2});
  CHECK(train->size() == 100);
  CHECK(test->size() == 10);
  for (std::int64_t label = 0; label < 10; ++label) {
    CHECK(numbers(*train, label) == std::vector<int>{0, 1, 10, 2, 3, 4, 5, 6, 7, 8});
    CHECK(numbers(*test, label) == std::vector<int>{9});
  }
}

TEST_CASE("recordings of CIFAR10-DVS begin at time 0 and are placed as SpikingJelly places them") {
  const TemporaryFolder folder;
  write_pictures(folder / "CIFAR10DVS");
  const DatasetSource source{.split = Split::test, .directory = folder.path()};
  const auto placed = open_cifar10_dvs(source);
  Events events;
  placed->read(3, events);
  CHECK(events == Events{.t = {0, 5}, .x = {3, 3}, .y = {9, 9}, .p = {1, 1}});
  const auto stored = open_cifar10_dvs(source, {.pixels = Aedat2Pixels::as_stored});
  stored->read(3, events);
  CHECK(events == Events{.t = {0, 5}, .x = {118, 118}, .y = {124, 124}, .p = {0, 0}});
  CHECK(placed->identity() != stored->identity());
}

TEST_CASE("what is missing from CIFAR10-DVS is named, with where to get it") {
  const TemporaryFolder folder;
  const auto open = [&](Split split) {
    return open_cifar10_dvs({.split = split, .directory = folder.path()});
  };
  CHECK_ERROR(open(Split::train), ErrorCode::io,
              "[cifar10-dvs] there is no folder airplane in " + folder.path().string());
  CHECK_ERROR(open(Split::train), ErrorCode::io,
              ". Get the ten zip files of CIFAR10-DVS from doi.org/10.6084/m9.figshare.4724671,");
  CHECK_ERROR(open(Split::valid), ErrorCode::invalid_argument,
              "[cifar10-dvs] there is no split for validation.");
  for (const std::string& name : classes) fs::create_directories(folder / name);
  CHECK_ERROR(open(Split::train), ErrorCode::io, "there is no file *.aedat in any folder");
  write_file(folder / "cat/1.aedat", Bytes{'x'});
  CHECK_ERROR(open(Split::test), ErrorCode::io, "[cifar10-dvs test] there is no file of it in ");
  Events events;
  CHECK_ERROR(open(Split::train)->read(0, events), ErrorCode::format,
              "cat/1.aedat begins with \"x\"; it must begin with \"#!AER-DAT2.0\".");
}

}  // namespace ranvier::test
