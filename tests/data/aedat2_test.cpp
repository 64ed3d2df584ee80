#include "ranvier/data/formats/aedat2.h"

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode format = ErrorCode::format;

Bytes file(const std::string& header, const Bytes& events) {
  Bytes bytes(header.begin(), header.end());
  bytes.insert(bytes.end(), events.begin(), events.end());
  return bytes;
}

const std::string header = "#!AER-DAT2.0\r\n# This is a raw AE data file\r\n";  // 44 bytes

// Column 3, row 100, polarity 1 at 2^24 us; column 127, row 0, polarity 0 at 2^24 + 1 us.
const Bytes two_events = {0, 0, 0x64, 0x07, 1, 0, 0, 0, 0, 0, 0x00, 0xfe, 1, 0, 0, 1};

}  // namespace

TEST_CASE("an AEDAT 2.0 event is an address of a DVS128 and a time, big endian") {
  const Recording recording = parse_aedat2(file(header, two_events), "two");
  CHECK(recording.sensor == Sensor{128, 128, 2});
  CHECK(recording.events ==
        Events{.t = {16777216, 16777217}, .x = {3, 127}, .y = {100, 0}, .p = {1, 0}});
}

TEST_CASE("AEDAT 2.0 pixels are placed as dat2mat and SpikingJelly place them when asked to") {
  CHECK(
      parse_aedat2(file(header, two_events), "two", {.pixels = Aedat2Pixels::as_dat2mat}).events ==
      Events{.t = {16777216, 16777217}, .x = {27, 127}, .y = {124, 0}, .p = {0, 1}});
}

TEST_CASE("an AEDAT 2.0 file is written and read back, however its pixels are placed") {
  const Recording recording = parse_aedat2(file(header, two_events), "two");
  for (const Aedat2Pixels pixels : {Aedat2Pixels::as_stored, Aedat2Pixels::as_dat2mat}) {
    const Bytes written = encode_aedat2(recording, pixels);
    CHECK(parse_aedat2(written, "again", {.pixels = pixels}).events == recording.events);
  }
  const Bytes written = encode_aedat2(recording);
  CHECK(Bytes(written.end() - 16, written.end()) == two_events);
}

TEST_CASE("AEDAT 2.0 triggers and marks are left out") {
  const Bytes special = {0, 0, 0x80, 0x02, 0, 0, 0, 1,    0x80, 0, 0, 2,
                         0, 0, 0,    2,    0, 0, 0, 0x02, 0,    0, 0, 3};
  CHECK(parse_aedat2(file(header, special), "marks").events ==
        Events{.t = {3}, .x = {1}, .y = {0}, .p = {0}});
}

TEST_CASE("an AEDAT 2.0 file of another camera says where") {
  const Bytes davis = {0, 1, 0, 0, 0, 0, 0, 1};
  CHECK_ERROR(parse_aedat2(file(header, davis), "davis"), format,
              "[aedat2] davis: event 0 at byte 44: its address is 0x00010000; those of a DVS128 "
              "have 15 bits.");
}

TEST_CASE("a header of one line, and no events, are an AEDAT 2.0 file") {
  CHECK(parse_aedat2(file("#!AER-DAT2.0\n", {}), "empty").events.empty());
  CHECK(parse_aedat2(file("#!AER-DAT2.0\r\n", two_events), "short").events.size() == 2);
}

TEST_CASE("a file that is not AEDAT 2.0 says how it begins") {
  CHECK_ERROR(parse_aedat2(file("#!AER-DAT3.1\r\n", {}), "new"), format,
              "[aedat2] new begins with \"#!AER-DAT3.1\"; it must begin with \"#!AER-DAT2.0\".");
  CHECK_ERROR(parse_aedat2(Bytes{'R', 'I', 0, 0xff}, "odd"), format, "odd begins with \"RI??\";");
  CHECK_ERROR(parse_aedat2({}, "empty"), format, "empty begins with \"\";");
}

TEST_CASE("an AEDAT 2.0 file cut within its header or an event says where") {
  CHECK_ERROR(parse_aedat2(file("#!AER-DAT2.0\r\n# raw", {}), "cut"), format,
              "[aedat2] cut: header line 1 at byte 14: the file ends within its header.");
  CHECK_ERROR(parse_aedat2(file("#!AER-DAT2.0", {}), "cut"), format,
              "[aedat2] cut: header line 0 at byte 0: the file ends within its header.");
  CHECK_ERROR(parse_aedat2(file("#!AER-DAT2.0\n#", Bytes(1 << 20, '-')), "endless"), format,
              "endless: header line 1 at byte 13: the header has more than 1048576 bytes.");
  const Bytes cut(two_events.begin(), two_events.end() - 3);
  CHECK_ERROR(parse_aedat2(file(header, cut), "cut"), format,
              "[aedat2] cut: event 1 at byte 52: the file ends after 5 of its 8 bytes.");
}

TEST_CASE("AEDAT 2.0 times go on after 2^32 us, and are sorted or rejected where they run back") {
  const Bytes wrapped = {0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 4, 0, 0, 0, 1};
  CHECK(parse_aedat2(file(header, wrapped), "wrapped").events.t ==
        std::vector<std::int64_t>{4294967295, 4294967297});
  const Bytes backwards = {0, 0, 0, 2, 0, 0, 0, 9, 0, 0, 0, 4, 0, 0, 0, 7};
  CHECK(parse_aedat2(file(header, backwards), "late").events.x == std::vector<std::int16_t>{2, 1});
  CHECK_ERROR(parse_aedat2(file(header, backwards), "late", {.read = {.order = TimeOrder::reject}}),
              format, "[aedat2] late: time runs backwards at event 1, from 9 to 7 us");
}

TEST_CASE("AEDAT 2.0 files are read from disk") {
  const TemporaryFolder folder;
  write_file(folder / "two.aedat", file(header, two_events));
  CHECK(read_aedat2(folder / "two.aedat").events.size() == 2);
  CHECK_ERROR(read_aedat2(folder / "absent.aedat"), ErrorCode::io, "[aedat2] cannot open ");
  CHECK_ERROR(read_aedat2(folder / "two.aedat", {.read = {.max_bytes = 9}}), format, "at most 9");
}

TEST_CASE("events that a DVS128 cannot have are not written as AEDAT 2.0") {
  Recording recording{.sensor = {128, 129, 2}, .events = {}};
  CHECK_ERROR(encode_aedat2(recording), ErrorCode::invalid_argument,
              "[aedat2] the sensor must be at most 128 x 128; got 128 x 129.");
  recording.sensor.height = 128;
  recording.events.push_back(4294967296, 0, 0, 0);
  CHECK_ERROR(encode_aedat2(recording), ErrorCode::invalid_argument,
              "[aedat2] event 0 is at 4294967296 us; the format holds 0 to 4294967295 us.");
}

}  // namespace ranvier::test
