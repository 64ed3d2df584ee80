#include "ranvier/data/formats/slayer.h"

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/expected_events.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode format = ErrorCode::format;
constexpr ErrorCode argument = ErrorCode::invalid_argument;

// Channel 0x0107 or pixel (1, 7), ON at 2^16 + 2 us; channel 5 or pixel (0, 5), OFF at 2^23 - 1 us.
const Bytes two_events = {1, 7, 0x81, 0, 2, 0, 5, 0x7f, 0xff, 0xff};

Recording one_event(const Sensor& sensor, std::int64_t t, std::int16_t x, std::int16_t y) {
  Recording recording{.sensor = sensor, .events = {}};
  recording.events.push_back(t, x, y, 1);
  return recording;
}

}  // namespace

TEST_CASE("SLAYER's recordings of a cochlea are read as expected") {
  const auto samples = shared_data("event-samples");
  if (!samples) return;
  for (const ExpectedEvents& expected : expected_events(*samples, "cochlea-bs1/")) {
    const Recording recording = read_bs1(*samples / expected.file);
    CHECK(recording.sensor == Sensor{64, 1, 1});
    check_events(recording.events, expected);
    CHECK(encode_bs1(recording) == file_bytes(*samples / expected.file));
  }
}

TEST_CASE("SLAYER's recordings of gestures are read as expected") {
  const auto samples = shared_data("event-samples");
  if (!samples) return;
  for (const ExpectedEvents& expected : expected_events(*samples, "dvs128-bs2/")) {
    const Recording recording = read_bs2(*samples / expected.file);
    CHECK(recording.sensor == Sensor{128, 128, 2});
    check_events(recording.events, expected);
    CHECK(encode_bs2(recording) == file_bytes(*samples / expected.file));
  }
}

TEST_CASE("a bs1 event is a channel of 16 bits, polarity and time") {
  const Recording recording = parse_bs1(two_events, "two", {.sensor = {264, 1, 2}});
  CHECK(recording.events == Events{.t = {65538, 8388607}, .x = {263, 5}, .y = {0, 0}, .p = {1, 0}});
  CHECK(encode_bs1(recording) == two_events);
}

TEST_CASE("a bs2 event is two bytes of place, polarity and time") {
  const Recording recording = parse_bs2(two_events, "two");
  CHECK(recording.events == Events{.t = {65538, 8388607}, .x = {1, 0}, .y = {7, 5}, .p = {1, 0}});
  CHECK(encode_bs2(recording) == two_events);
}

TEST_CASE("every bs1 event of a sensor without polarities is ON") {
  CHECK(parse_bs1(two_events, "two", {.sensor = {264, 1, 1}}).events.p ==
        std::vector<std::uint8_t>{1, 1});
}

TEST_CASE("row 240 of a bs2 file is a row as any other") {
  CHECK(parse_bs2(Bytes{3, 240, 0, 0, 1}, "tall", {.sensor = {256, 256, 2}}).events ==
        Events{.t = {1}, .x = {3}, .y = {240}, .p = {0}});
}

TEST_CASE("SLAYER's times go on after 2^23 us, and are sorted or rejected where they run back") {
  const Bytes wrapped = {0, 1, 0x7f, 0xff, 0xff, 0, 2, 0, 0, 0};
  CHECK(parse_bs2(wrapped, "wrapped").events.t == std::vector<std::int64_t>{8388607, 8388608});
  const Bytes backwards = {0, 1, 0, 0, 8, 0, 2, 0, 0, 6};
  CHECK(parse_bs1(backwards, "late").events.x == std::vector<std::int16_t>{2, 1});
  CHECK_ERROR(parse_bs1(backwards, "late", {.read = {.order = TimeOrder::reject}}), format,
              "[bs1] late: time runs backwards at event 1, from 8 to 6 us");
}

TEST_CASE("a SLAYER file that ends within an event or leaves its sensor says where") {
  const Bytes cut(two_events.begin(), two_events.end() - 1);
  CHECK_ERROR(parse_bs1(cut, "cut"), format,
              "[bs1] cut: event 1 at byte 5: the file ends after 4 of its 5 bytes.");
  CHECK_ERROR(parse_bs1(two_events, "wide"), format,
              "[bs1] wide: event 0 at byte 0: it is at (263, 0), outside the sensor of 64.");
  CHECK_ERROR(parse_bs1(Bytes{0xff, 0xff, 0, 0, 0}, "last", {.sensor = {32768, 1, 1}}), format,
              "it is at (65535, 0), outside the sensor of 32768.");
  CHECK_ERROR(parse_bs2(two_events, "wide", {.sensor = {2, 6, 2}}), format,
              "[bs2] wide: event 0 at byte 0: it is at (1, 7), outside the sensor of 2x6x2.");
}

TEST_CASE("SLAYER files are read from disk") {
  const TemporaryFolder folder;
  write_file(folder / "two", two_events);
  CHECK(read_bs2(folder / "two").events.size() == 2);
  CHECK_ERROR(read_bs1(folder / "two"), format, (folder / "two").string() + ": event 0 at byte 0");
  CHECK_ERROR(read_bs1(folder / "absent"), ErrorCode::io, "[bs1] cannot open ");
  CHECK_ERROR(read_bs2(folder / "two", {.read = {.max_bytes = 9}}), format, "at most 9 are");
}

TEST_CASE("events that SLAYER's formats cannot hold are not written") {
  CHECK(encode_bs1(one_event({32768, 1, 2}, 8388607, 32767, 0)).size() == 5);
  CHECK(encode_bs2(one_event({256, 256, 2}, 8388607, 255, 255)).size() == 5);
  CHECK_ERROR(encode_bs1(one_event({64, 1, 2}, 8388608, 0, 0)), argument,
              "[bs1] event 0 is at 8388608 us; the format holds 0 to 8388607 us.");
  CHECK_ERROR(encode_bs1(one_event({64, 2, 2}, 0, 0, 1)), argument,
              "[bs1] the sensor must be at most 32768 x 1; got 64 x 2.");
  CHECK_ERROR(encode_bs2(one_event({257, 1, 2}, 0, 256, 0)), argument,
              "[bs2] the sensor must be at most 256 x 256; got 257 x 1.");
  CHECK_ERROR(encode_bs2(one_event({128, 128, 2}, 0, 0, -1)), argument,
              "[bs2] event 0 is at (0, -1), outside the sensor of 128x128x2.");
}

}  // namespace ranvier::test
