#include "ranvier/data/formats/atis.h"

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/expected_events.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode format = ErrorCode::format;

// (x, y) = (7, 9) ON at 2^16 + 2 us, then (33, 0) OFF at 2^23 - 1 us.
const Bytes two_events = {7, 9, 0x81, 0, 2, 33, 0, 0x7f, 0xff, 0xff};

}  // namespace

TEST_CASE("ATIS recordings of N-MNIST are read as expected") {
  const auto samples = shared_data("event-samples");
  if (!samples) return;
  for (const char* folder : {"nmnist/", "nmnist-single/"})
    for (const ExpectedEvents& expected : expected_events(*samples, folder)) {
      const Recording recording = read_atis(*samples / expected.file);
      CHECK(recording.sensor == Sensor{34, 34, 2});
      check_events(recording.events, expected);
      CHECK(encode_atis(recording) == file_bytes(*samples / expected.file));
    }
}

TEST_CASE("an ATIS event is five bytes: x, y, polarity and time") {
  const Recording recording = parse_atis(two_events, "two");
  CHECK(recording.events == Events{.t = {65538, 8388607}, .x = {7, 33}, .y = {9, 0}, .p = {1, 0}});
  CHECK(encode_atis(recording) == two_events);
}

TEST_CASE("an ATIS file without bytes is a recording without events") {
  CHECK(parse_atis({}, "none").events.empty());
}

TEST_CASE("an ATIS event in row 240 moves all later times by 2^13 and is dropped") {
  const Bytes marked = {1, 1, 0, 0,   5, 0, 240, 0, 0, 0, 2, 2, 0,
                        0, 6, 0, 240, 0, 0, 0,   3, 3, 0, 0, 7};
  CHECK(parse_atis(marked, "marked").events ==
        Events{.t = {5, 8198, 16391}, .x = {1, 2, 3}, .y = {1, 2, 3}, .p = {0, 0, 0}});
}

TEST_CASE("an ATIS time that falls by more than half of its range goes on after 2^23 us") {
  const Bytes wrapped = {1, 1, 0x7f, 0xff, 0xff, 2, 2, 0, 0, 0, 3, 3, 0, 0, 9};
  CHECK(parse_atis(wrapped, "wrapped", {.read = {.order = TimeOrder::reject}}).events.t ==
        std::vector<std::int64_t>{8388607, 8388608, 8388617});
}

TEST_CASE("ATIS times that run backwards are sorted or rejected") {
  const Bytes backwards = {1, 1, 0, 0, 8, 2, 2, 0, 0, 6, 3, 3, 0, 0, 8};
  CHECK(parse_atis(backwards, "late").events ==
        Events{.t = {6, 8, 8}, .x = {2, 1, 3}, .y = {2, 1, 3}, .p = {0, 0, 0}});
  CHECK_ERROR(parse_atis(backwards, "late", {.read = {.order = TimeOrder::reject}}), format,
              "[atis] late: time runs backwards at event 1, from 8 to 6 us; TimeOrder::sort "
              "accepts it.");
}

TEST_CASE("an ATIS file that ends within an event says where") {
  const Bytes cut(two_events.begin(), two_events.end() - 2);
  CHECK_ERROR(parse_atis(cut, "cut"), format,
              "[atis] cut: event 1 at byte 5: the file ends after 3 of its 5 bytes.");
}

TEST_CASE("an ATIS event outside the sensor says where") {
  CHECK_ERROR(parse_atis(two_events, "wide", {.sensor = {33, 34, 2}}), format,
              "[atis] wide: event 1 at byte 5: it is at (33, 0), outside the sensor of 33x34x2.");
  CHECK_ERROR(parse_atis(two_events, "wide", {.sensor = {34, 9, 2}}), format,
              "[atis] wide: event 0 at byte 0: it is at (7, 9), outside the sensor of 34x9x2.");
  CHECK_ERROR(parse_atis(two_events, "wide", {.sensor = {0, 34, 2}}), ErrorCode::invalid_argument,
              "[atis] a sensor has 1 to 32768 columns and rows and 1 or 2 polarities; got 0 x 34 "
              "x 2.");
}

TEST_CASE("an ATIS file is read from disk if it is not too large") {
  const TemporaryFolder folder;
  write_file(folder / "two.bin", two_events);
  CHECK(read_atis(folder / "two.bin").events.size() == 2);
  CHECK_ERROR(read_atis(folder / "two.bin", {.read = {.max_bytes = 9}}), format,
              "has 10 bytes; at most 9 are accepted.");
  CHECK_ERROR(read_atis(folder / "absent.bin"), ErrorCode::io, "[atis] cannot open ");
}

TEST_CASE("events that the ATIS format cannot hold are not written") {
  const auto encode = [](const Sensor& sensor, std::int64_t t, std::int16_t x, std::int16_t y) {
    Recording recording{.sensor = sensor, .events = {}};
    recording.events.push_back(t, x, y, 1);
    return encode_atis(recording);
  };
  constexpr ErrorCode argument = ErrorCode::invalid_argument;
  CHECK(encode({256, 240, 2}, 8388607, 255, 239).size() == 5);
  CHECK_ERROR(encode({34, 34, 2}, 8388608, 0, 0), argument,
              "[atis] event 0 is at 8388608 us; the format holds 0 to 8388607 us.");
  CHECK_ERROR(encode({34, 34, 2}, -1, 0, 0), argument, "[atis] event 0 is at -1 us;");
  CHECK_ERROR(encode({34, 34, 2}, 0, 34, 0), argument, "[atis] event 0 is at (34, 0), outside");
  CHECK_ERROR(encode({256, 241, 2}, 0, 0, 240), argument,
              "[atis] the sensor must be at most 256 x 240; got 256 x 241.");
}

}  // namespace ranvier::test
