#include "ranvier/data/event_sets/folder_set.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "ranvier/data/event_sets/n_mnist.h"
#include "ranvier/data/formats/atis.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/expected_events.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {
namespace {

namespace fs = std::filesystem;

/// An ATIS file of one event at time `t`.
void write_event(const fs::path& path, std::uint8_t t) {
  fs::create_directories(path.parent_path());
  write_file(path, Bytes{1, 2, 0, 0, t});
}

FolderSetOptions tiny_options() {
  return {.name = "tiny",
          .extension = ".bin",
          .sensor = {34, 34, 2},
          .read = [](const fs::path& path) { return read_atis(path); },
          .format = "atis 1",
          .advice = "Make some."};
}

/// Classes b (files 10, 9) and a (file 1) to train, b (file 3) to test.
struct TinySet {
  TinySet() {
    write_event(folder / "train/b/9.bin", 9);
    write_event(folder / "train/b/10.bin", 10);
    write_event(folder / "train/a/1.bin", 1);
    write_event(folder / "train/a/1.txt", 2);
    fs::create_directories(folder / "train/a/2.bin");
    write_event(folder / "Test/b/3.bin", 3);
    fs::create_directories(folder / "Test/a");
  }
  DatasetSource source(Split split) const { return {.split = split, .directory = folder.path()}; }

  TemporaryFolder folder;
};

std::vector<std::int64_t> first_times(const Recordings& recordings) {
  std::vector<std::int64_t> times;
  Events events;
  for (std::int64_t i = 0; i < recordings.size(); ++i) {
    recordings.read(i, events);
    times.push_back(events.t.at(0));
  }
  return times;
}

}  // namespace

TEST_CASE("a folder set has the files of each class, sorted by class and then by name") {
  const TinySet tiny;
  const auto train = open_folder_set(tiny.source(Split::train), tiny_options());
  CHECK(train->name() == "tiny train");
  CHECK(train->sensor() == Sensor{34, 34, 2});
  CHECK(train->classes() == std::vector<std::string>{"a", "b"});
  CHECK(first_times(*train) == std::vector<std::int64_t>{1, 10, 9});
  CHECK(train->label(0) == 0);
  CHECK(train->label(1) == 1);
  const auto test = open_folder_set(tiny.source(Split::test), tiny_options());
  CHECK(test->name() == "tiny test");
  CHECK(first_times(*test) == std::vector<std::int64_t>{3});
  CHECK(test->label(0) == 1);
}

TEST_CASE("a class of a folder set has the same label in every split") {
  const TinySet tiny;
  fs::remove(tiny.folder / "Test/a");
  CHECK_ERROR(open_folder_set(tiny.source(Split::test), tiny_options()), ErrorCode::io,
              "[tiny] there is no folder a in ");
  write_event(tiny.folder / "Test/a/1.bin", 1);
  write_event(tiny.folder / "Test/0/2.bin", 2);
  fs::create_directories(tiny.folder / "train/0");
  for (const Split split : {Split::train, Split::test})
    CHECK(open_folder_set(tiny.source(split), tiny_options())->classes() ==
          std::vector<std::string>{"0", "a", "b"});
}

TEST_CASE("hidden files and folders are no part of a folder set") {
  const TinySet tiny;
  write_event(tiny.folder / "train/.notebook/1.bin", 1);
  write_event(tiny.folder / "train/a/._1.bin", 2);
  const auto train = open_folder_set(tiny.source(Split::train), tiny_options());
  CHECK(train->classes() == std::vector<std::string>{"a", "b"});
  CHECK(first_times(*train) == std::vector<std::int64_t>{1, 10, 9});
}

TEST_CASE("the classes of a folder set may be named, in their order") {
  const TinySet tiny;
  FolderSetOptions options = tiny_options();
  options.classes = {"b", "a"};
  const auto train = open_folder_set(tiny.source(Split::train), options);
  CHECK(first_times(*train) == std::vector<std::int64_t>{10, 9, 1});
  CHECK(train->label(2) == 1);
}

TEST_CASE("what is missing from a folder set is named, with where to get it") {
  const TinySet tiny;
  const std::string folder = tiny.folder.path().string();
  const auto open = [&](const DatasetSource& source, const FolderSetOptions& options) {
    return open_folder_set(source, options);
  };
  CHECK_ERROR(open({}, tiny_options()), ErrorCode::io,
              "[tiny] no folder of its files is named. Make some.");
  CHECK_ERROR(open({.split = Split::train, .directory = "/nowhere"}, tiny_options()), ErrorCode::io,
              "[tiny] there is no folder /nowhere. Make some.");
  CHECK_ERROR(open(tiny.source(Split::valid), tiny_options()), ErrorCode::io,
              "[tiny] there is no folder valid or Valid in " + folder + ". Make some.");
  FolderSetOptions options = tiny_options();
  options.classes = {"a", "c"};
  CHECK_ERROR(open(tiny.source(Split::train), options), ErrorCode::io,
              "[tiny] there is no folder c in " + folder + "/train. Make some.");
  options = tiny_options();
  options.extension = ".dat";
  CHECK_ERROR(open(tiny.source(Split::train), options), ErrorCode::io,
              "[tiny] there is no file *.dat in any folder of a class in " + folder + "/train.");
  CHECK_ERROR(open({.split = Split::train, .directory = tiny.folder / "train/b"}, tiny_options()),
              ErrorCode::io, "[tiny] there is no folder train or Train in ");
  fs::create_directories(tiny.folder / "Valid");
  CHECK_ERROR(open(tiny.source(Split::valid), tiny_options()), ErrorCode::io,
              "[tiny] there is no folder a in " + folder + "/Valid. Make some.");
  fs::create_directories(tiny.folder / "empty/train");
  CHECK_ERROR(
      open({.split = Split::train, .directory = tiny.folder / "empty"}, tiny_options()),
      ErrorCode::io,
      "[tiny] there is no folder of a class in those of the splits in " + folder + "/empty.");
  options = tiny_options();
  options.read = nullptr;
  CHECK_ERROR(open(tiny.source(Split::train), options), ErrorCode::invalid_argument,
              "[tiny train] a set of files needs a function that reads them.");
}

TEST_CASE("a recording of a folder set that cannot be read is an error that names its file") {
  const TinySet tiny;
  const auto train = open_folder_set(tiny.source(Split::train), tiny_options());
  Events events;
  CHECK_ERROR(train->read(3, events), ErrorCode::invalid_argument,
              "[tiny train] recording 3 is out of range; there are 3.");
  CHECK_ERROR(train->label(-1), ErrorCode::invalid_argument, "recording -1 is out of range");
  write_file(tiny.folder / "train/a/1.bin", Bytes{1, 2, 3});
  CHECK_ERROR(train->read(0, events), ErrorCode::format,
              "/train/a/1.bin: event 0 at byte 0: the file ends after 3 of its 5 bytes.");
  FolderSetOptions options = tiny_options();
  options.sensor = {128, 128, 2};
  const auto other = open_folder_set(tiny.source(Split::train), options);
  CHECK_ERROR(other->read(1, events), ErrorCode::format,
              "/train/b/10.bin comes from a sensor of 34x34x2; the set's has 128x128x2.");
}

TEST_CASE("the identity of a folder set changes with its files and its format") {
  const TinySet tiny;
  const auto open = [&](const FolderSetOptions& options) {
    return open_folder_set(tiny.source(Split::train), options)->identity();
  };
  const std::string before = open(tiny_options());
  CHECK_THAT(before, contains("tiny train, atis 1, 3 files "));
  CHECK(open(tiny_options()) == before);
  FolderSetOptions options = tiny_options();
  options.format = "atis 2";
  CHECK(open(options) != before);

  const fs::path file = tiny.folder / "train/b/9.bin";
  const auto time = fs::last_write_time(file);
  fs::last_write_time(file, time + std::chrono::seconds(1));
  CHECK(open(tiny_options()) != before);
  fs::last_write_time(file, time);
  CHECK(open(tiny_options()) == before);
  write_file(file, Bytes(10));
  fs::last_write_time(file, time);
  CHECK(open(tiny_options()) != before);
  write_file(file, Bytes(5));
  fs::last_write_time(file, time);
  fs::rename(file, tiny.folder / "train/b/8.bin");
  CHECK(open(tiny_options()) != before);

  const auto listed = open_folder_set(tiny.source(Split::train), tiny_options());
  fs::remove(tiny.folder / "train/b/8.bin");
  CHECK_ERROR(listed->identity(), ErrorCode::io, "[tiny train] cannot inspect ");
}

TEST_CASE("N-MNIST is read from the folders of its archives") {
  const auto samples = shared_data("event-samples");
  if (!samples) return;
  Events events;
  for (const Split split : {Split::train, Split::test}) {
    const auto recordings = open_n_mnist({.split = split, .directory = *samples / "nmnist"});
    const std::string folder = split == Split::train ? "nmnist/Train/" : "nmnist/Test/";
    std::vector<ExpectedEvents> rows = expected_events(*samples, folder);
    std::sort(rows.begin(), rows.end(),
              [](const auto& a, const auto& b) { return a.file < b.file; });
    REQUIRE(recordings->size() == std::ssize(rows));
    for (std::int64_t i = 0; i < recordings->size(); ++i) {
      const ExpectedEvents& row = rows[static_cast<std::size_t>(i)];
      recordings->read(i, events);
      check_events(events, row);
      CHECK(recordings->classes()[static_cast<std::size_t>(recordings->label(i))] == row.label);
    }
    CHECK(recordings->sensor() == Sensor{34, 34, 2});
  }
}

TEST_CASE("N-MNIST is found in Tonic's folder, and without it its source is named") {
  const TemporaryFolder folder;
  for (const char* digit : {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"})
    write_event(folder / ("NMNIST/Test/" + std::string(digit) + "/1.bin"), 7);
  CHECK(open_n_mnist({.split = Split::test, .directory = folder.path()})->size() == 10);
  CHECK_ERROR(open_n_mnist({.split = Split::train, .directory = folder.path()}), ErrorCode::io,
              "[n-mnist] there is no folder train or Train in " + (folder / "NMNIST").string() +
                  ". Get Train.zip and Test.zip of N-MNIST from ");
  CHECK_ERROR(open_n_mnist({}), ErrorCode::io, "[n-mnist] no folder of its files is named. Get ");
}

}  // namespace ranvier::test
