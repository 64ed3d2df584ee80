#include "ranvier/data/formats/prophesee_dat.h"

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/expected_events.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode format = ErrorCode::format;

Bytes joined(const std::string& header, const Bytes& data) {
  Bytes file(header.begin(), header.end());
  file.insert(file.end(), data.begin(), data.end());
  return file;
}

// (5, 20) OFF at 258 us, then (16383, 16383) ON at 2^32 - 1 us.
const Bytes version_2_events = {2,    1,    0,    0,    5,    0,    5,    0,
                                0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f};
// The same places in 9 and 8 bits: (5, 20) OFF at 258 us, then (303, 239) ON at 300 us.
const Bytes version_1_events = {2,    1, 0, 0, 5,    0x28, 0, 0,  //
                                0x2c, 1, 0, 0, 0x2f, 0xdf, 3, 0};

const std::string version_2 = "% Data file containing CD events.\n% Version 2\n";

Bytes version_2_file(Bytes events) {
  events.insert(events.begin(), {0x0c, 8});
  return joined(version_2, events);
}

}  // namespace

TEST_CASE("Prophesee's dat recordings are read as expected") {
  const auto samples = shared_data("event-samples");
  if (!samples) return;
  for (const ExpectedEvents& expected : expected_events(*samples, "prophesee-dat/")) {
    const Recording recording = read_dat(*samples / expected.file);
    check_events(recording.events, expected);
    CHECK(parse_dat(encode_dat(recording), "again").events == recording.events);
    CHECK(recording.sensor.width <= 128);  // N-CARS are small cuts, and name no sensor
  }
}

TEST_CASE("a dat event of version 2 has 14 bits for each coordinate") {
  const Recording recording = parse_dat(version_2_file(version_2_events), "two");
  CHECK(recording.events ==
        Events{.t = {258, 4294967295}, .x = {5, 16383}, .y = {20, 16383}, .p = {0, 1}});
  CHECK(recording.sensor == Sensor{16384, 16384, 2});
}

TEST_CASE("a dat event of version 1 has 9 and 8 bits for the coordinates") {
  const Events expected{.t = {258, 300}, .x = {5, 303}, .y = {20, 239}, .p = {0, 1}};
  CHECK(parse_dat(version_1_events, "no header").events == expected);
  CHECK(parse_dat(joined("% Version 1\n", joined(std::string("\x00\x08", 2), version_1_events)),
                  "versioned")
            .events == expected);
  CHECK(parse_dat(joined("% from a camera\n", joined(std::string("\x00\x08", 2), version_1_events)),
                  "no version")
            .events == expected);
  CHECK(parse_dat(version_1_events, "no header").sensor == Sensor{304, 240, 2});
}

TEST_CASE("a dat file's sensor is that of the options, of its header or of its events") {
  const Bytes file =
      joined("% Version 2\n% Height 480\n% Width 640\n",
             joined("\x0c\x08", Bytes(version_2_events.begin(), version_2_events.begin() + 8)));
  CHECK(parse_dat(file, "named").sensor == Sensor{640, 480, 2});
  CHECK(parse_dat(file, "named", {.sensor = Sensor{304, 240, 1}}).sensor == Sensor{304, 240, 1});
  CHECK_ERROR(parse_dat(file, "named", {.sensor = Sensor{304, 20, 2}}), format,
              "[dat] named: event 0 at byte 39: it is at (5, 20), outside the sensor of 304x20x2.");
  CHECK(parse_dat({}, "nothing").sensor == Sensor{1, 1, 2});
}

TEST_CASE("a dat file is written with its sensor and read back") {
  Recording recording{.sensor = {640, 480, 2}, .events = {}};
  recording.events.push_back(0, 0, 0, 1);
  recording.events.push_back(4294967295, 639, 479, 0);
  const Recording again = parse_dat(encode_dat(recording), "again");
  CHECK(again.sensor == recording.sensor);
  CHECK(again.events == recording.events);
  recording.events.t[1] = 4294967296;
  CHECK_ERROR(encode_dat(recording), ErrorCode::invalid_argument,
              "[dat] event 1 is at 4294967296 us; the format holds 0 to 4294967295 us.");
  recording.sensor.width = 16385;
  CHECK_ERROR(encode_dat(recording), ErrorCode::invalid_argument,
              "[dat] the sensor must be at most 16384 x 16384; got 16385 x 480.");
}

TEST_CASE("dat times go on after 2^32 us, and are sorted or rejected where they run back") {
  const Bytes wrapped = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0};
  CHECK(parse_dat(version_2_file(wrapped), "wrapped").events.t ==
        std::vector<std::int64_t>{4294967295, 4294967297});
  const Bytes backwards = {9, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 2, 0, 0, 0};
  CHECK(parse_dat(version_2_file(backwards), "late").events.x == std::vector<std::int16_t>{2, 1});
  CHECK_ERROR(parse_dat(version_2_file(backwards), "late", {.read = {.order = TimeOrder::reject}}),
              format, "[dat] late: time runs backwards at event 1, from 9 to 7 us");
}

TEST_CASE("a dat file cut within its header or an event says where") {
  const Bytes file = version_2_file(version_2_events);
  CHECK_ERROR(parse_dat(Bytes(file.begin(), file.end() - 5), "cut"), format,
              "[dat] cut: event 1 at byte 56: the file ends after 3 of its 8 bytes.");
  CHECK_ERROR(parse_dat(joined(version_2, {0}), "cut"), format,
              "[dat] cut: it ends at byte 47, before the type and the size of its events.");
}

TEST_CASE("a dat file of other versions, events or extents is refused") {
  CHECK_ERROR(parse_dat(joined("% Version 3\n", {0x0c, 8}), "new"), format,
              "[dat] new: its header says \"% Version 3\"; 1 and 2 are read.");
  CHECK_ERROR(parse_dat(joined(version_2, {0x0e, 8}), "triggers"), format,
              "[dat] triggers: at byte 46 it says that its events are of type 14 and have 8 bytes; "
              "those of pixels are of type 0 or 12 and have 8.");
  CHECK_ERROR(parse_dat(joined(version_2, {0x0c, 9}), "long"), format, "and have 9 bytes;");
  for (const char* width : {"0", "16385", "640px", "-1", "99999999999999999999"}) {
    const std::string line = std::string("% Width ") + width;
    CHECK_ERROR(parse_dat(joined(version_2 + line + "\n", {0x0c, 8}), "odd"), format,
                "[dat] odd: its header says \"" + line + "\"; it must be a number from 1 to 16384");
  }
}

TEST_CASE("dat files are read from disk") {
  const TemporaryFolder folder;
  write_file(folder / "two.dat", version_1_events);
  CHECK(read_dat(folder / "two.dat").events.size() == 2);
  CHECK_ERROR(read_dat(folder / "absent.dat"), ErrorCode::io, "[dat] cannot open ");
  CHECK_ERROR(read_dat(folder / "two.dat", {.read = {.max_bytes = 15}}), format, "at most 15 are");
}

}  // namespace ranvier::test
