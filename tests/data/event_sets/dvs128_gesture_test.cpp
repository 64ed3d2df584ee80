#include "ranvier/data/event_sets/dvs128_gesture.h"

#include <filesystem>
#include <string>
#include <thread>

#include "ranvier/data/formats/aedat3.h"
#include "tests/data/aedat3_writer.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace ranvier::test {
namespace {

namespace fs = std::filesystem;

/// 20000 events, one each 10 us from `first` us on; event i in column i % 128.
Recording steady_recording(std::int64_t first) {
  Recording recording{.sensor = {128, 128, 2}, .events = {}};
  for (std::int64_t i = 0; i < 20'000; ++i)
    recording.events.push_back(first + 10 * i, static_cast<std::int16_t>(i % 128),
                               static_cast<std::int16_t>(i / 128 % 128),
                               static_cast<std::uint8_t>(i % 2));
  return recording;
}

void write_text(const fs::path& path, const std::string& text) {
  write_file(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

constexpr const char* columns = "class,startTime_usec,endTime_usec\r\n";

/// Two files to train, one of which lies around an overflow of the counter of time; one to test.
struct Gestures {
  Gestures() {
    fs::create_directories(root);
    write_text(root / "trials_to_train.txt", "user01_led.aedat\r\nuser02_lab.aedat \n\n");
    write_text(root / "trials_to_test.txt", "user24_led.aedat\n");
    write_recording("user01_led", steady_recording(0), "1,0,50000\r\n11,50000,130005\r\n\r\n");
    write_recording("user02_lab", steady_recording(late), "8,2147483700,2147533700");
    write_recording("user24_led", steady_recording(0), "3,100,100\n3,100,101\n2,199990,900000\n");
  }
  void write_recording(const std::string& stem, const Recording& recording,
                       const std::string& table) const {
    write_file(root / (stem + ".aedat"), encode_aedat3(recording));
    write_text(root / (stem + "_labels.csv"), columns + table);
  }
  std::shared_ptr<const Recordings> open(Split split) const {
    return open_dvs128_gesture({.split = split, .directory = folder.path()});
  }

  static constexpr std::int64_t late = 2147483600;
  TemporaryFolder folder;
  fs::path root = folder / "DvsGesture";
};

/// The events of `recording` with times in [begin, end), from `begin` on.
Events part_of(const Recording& recording, std::int64_t begin, std::int64_t end) {
  Events part = recording.events;
  keep_if(part, [&](std::int64_t i) {
    const std::int64_t t = part.t[static_cast<std::size_t>(i)];
    return t >= begin && t < end;
  });
  for (std::int64_t& t : part.t) t -= begin;
  return part;
}

Events read(const Recordings& recordings, std::int64_t index) {
  Events events;
  recordings.read(index, events);
  return events;
}

}  // namespace

TEST_CASE("each line of a table of DVS128 Gesture is a recording") {
  const Gestures gestures;
  const auto train = gestures.open(Split::train);
  CHECK(train->name() == "dvs128-gesture train");
  CHECK(train->sensor() == Sensor{128, 128, 2});
  REQUIRE(train->classes().size() == 11);
  CHECK(train->classes()[7] == "arm roll");
  REQUIRE(train->size() == 3);
  CHECK(train->label(0) == 0);
  CHECK(train->label(1) == 10);
  CHECK(train->label(2) == 7);
  CHECK(read(*train, 0) == part_of(steady_recording(0), 0, 50000));
  CHECK(read(*train, 1) == part_of(steady_recording(0), 50000, 130005));
  const Events late = read(*train, 2);
  CHECK(late == part_of(steady_recording(Gestures::late), 2147483700, 2147533700));
  CHECK(late.size() == 5000);
}

TEST_CASE("a gesture holds its first microsecond and not its last, and may hold no events") {
  const Gestures gestures;
  const auto test = gestures.open(Split::test);
  CHECK(read(*test, 0).empty());
  CHECK(read(*test, 1) == Events{.t = {0}, .x = {10}, .y = {0}, .p = {0}});
  CHECK(read(*test, 2) == Events{.t = {0}, .x = {31}, .y = {28}, .p = {1}});
}

TEST_CASE("gestures are the same read by several threads at once") {
  const Gestures gestures;
  const auto train = gestures.open(Split::train);
  std::vector<Events> found(12);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < found.size(); ++i)
    threads.emplace_back([&, i] { train->read(static_cast<std::int64_t>(i % 3), found[i]); });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < found.size(); ++i)
    CHECK(found[i] == read(*train, static_cast<std::int64_t>(i % 3)));
}

TEST_CASE("packets that do not follow each other in time are searched all the same") {
  const Gestures gestures;
  const auto packet = [](std::uint8_t time) {
    return aedat3_packet({.events = 1}, {1, 0, 0, 0, time, 0, 0, 0});
  };
  write_file(gestures.root / "user24_led.aedat", aedat3_file({packet(200), packet(100)}));
  const auto test = gestures.open(Split::test);
  CHECK(read(*test, 1).t == std::vector<std::int64_t>{0});
}

TEST_CASE("of a gesture file that is damaged at its end the gestures before that are read") {
  const Gestures gestures;
  const fs::path path = gestures.root / "user01_led.aedat";
  fs::resize_file(path, fs::file_size(path) * 9 / 10);
  const auto train = gestures.open(Split::train);
  CHECK(read(*train, 0).size() == 5000);
  CHECK(read(*train, 1).size() == 8001);
  fs::resize_file(path, fs::file_size(path) / 2);
  const auto shorter = gestures.open(Split::train);
  CHECK_ERROR(read(*shorter, 1), ErrorCode::format, "user01_led.aedat: packet 2 at byte ");
  CHECK(read(*shorter, 0).size() == 5000);
  CHECK_ERROR(read(*shorter, 1), ErrorCode::format, "it claims 4096 events of 8 bytes; ");
  CHECK(read(*shorter, 2).size() == 5000);
}

TEST_CASE("a table of gestures that cannot be understood names the line") {
  const Gestures gestures;
  const auto error_of = [&](const std::string& line) {
    write_text(gestures.root / "user24_led_labels.csv", std::string(columns) + "1,2,3\n" + line);
    return gestures.open(Split::test);
  };
  CHECK_ERROR(error_of("0,5,6"), ErrorCode::format,
              "user24_led_labels.csv: line 3 is \"0,5,6\"; it must be a class from 1 to 11, the "
              "first and the last microsecond, with commas between them.");
  for (const char* line : {"12,5,6", "1,6,5", "1,5", "1,5,", "1,5,6,7", "1;5;6", "a,b,c", "1,-5,6",
                           "1,5,99999999999999999999", "1,5,9000000000000000", ","}) {
    CAPTURE(line);
    CHECK_ERROR(error_of(line), ErrorCode::format,
                "line 3 is \"" + std::string(line) + "\"; it must be");
  }
}

TEST_CASE("what is missing from DVS128 Gesture is named, with where to get it") {
  const Gestures gestures;
  const std::string root = gestures.root.string();
  CHECK_ERROR(gestures.open(Split::valid), ErrorCode::invalid_argument,
              "[dvs128-gesture] there is no split for validation.");
  fs::remove(gestures.root / "user02_lab.aedat");
  CHECK_ERROR(gestures.open(Split::train), ErrorCode::io,
              "[dvs128-gesture] there is no user02_lab.aedat (named in trials_to_train.txt) in " +
                  root + ". Get DvsGesture.tar.gz from ");
  fs::remove(gestures.root / "user01_led_labels.csv");
  CHECK_ERROR(gestures.open(Split::train), ErrorCode::io, "there is no user01_led_labels.csv (");
  write_text(gestures.root / "trials_to_train.txt", "\n");
  CHECK_ERROR(gestures.open(Split::train), ErrorCode::format,
              "[dvs128-gesture] " + root + "/trials_to_train.txt names no gestures.");
  fs::remove(gestures.root / "trials_to_train.txt");
  CHECK_ERROR(gestures.open(Split::train), ErrorCode::io,
              "[dvs128-gesture] there is no trials_to_train.txt in " + root + ". Get ");
}

TEST_CASE("the identity of DVS128 Gesture changes with its files") {
  const Gestures gestures;
  const std::string before = gestures.open(Split::train)->identity();
  CHECK_THAT(before, contains("dvs128-gesture train, aedat3 1, 5 files "));
  CHECK(gestures.open(Split::train)->identity() == before);
  gestures.write_recording("user02_lab", steady_recording(0), "8,0,2147533700");
  CHECK(gestures.open(Split::train)->identity() != before);
}

}  // namespace ranvier::test
