#include "ranvier/data/formats/aedat3.h"

#include "tests/data/aedat3_writer.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode format = ErrorCode::format;

// (5, 3) ON at 2^31 - 1 us, an event that is not valid, and (127, 100) OFF at 7 us.
const Bytes three_events = {0x0f, 0,    0x0a, 0, 0xff, 0xff, 0xff, 0x7f,  //
                            0x0e, 0,    0x0a, 0, 8,    0,    0,    0,     //
                            0x91, 0x01, 0xfe, 0, 7,    0,    0,    0};

Bytes three_event_file(std::uint32_t overflows = 0) {
  return aedat3_file({aedat3_packet({.overflows = overflows, .events = 3}, three_events)});
}

/// An error of a file with one packet of 24 bytes of events and this header.
#define CHECK_PACKET_ERROR(header, text)                                                       \
  CHECK_ERROR(parse_aedat3(aedat3_file({aedat3_packet(header, three_events)}), "odd"), format, \
              std::string("[aedat3] odd: packet 0 at byte 61: ") + (text))

}  // namespace

TEST_CASE("an AEDAT 3.1 event has validity, polarity, y and x, and a time") {
  const Recording recording = parse_aedat3(three_event_file(), "three");
  CHECK(recording.sensor == Sensor{128, 128, 2});
  CHECK(recording.events ==
        Events{.t = {7, 2147483647}, .x = {127, 5}, .y = {100, 3}, .p = {0, 1}});
}

TEST_CASE("a packet's count of overflows adds 2^31 us each to its times") {
  CHECK(parse_aedat3(three_event_file(3), "three").events.t ==
        std::vector<std::int64_t>{6442450951, 8589934591});
  CHECK(parse_aedat3(three_event_file((1 << 21) - 1), "three").events.t.back() == max_time - 1);
  CHECK_ERROR(parse_aedat3(three_event_file(INT32_MAX), "three"), format,
              "[aedat3] three: event 0 is at 4611686018427387903 us; times lie within");
}

TEST_CASE("AEDAT 3.1 packets of other types are skipped, whatever they hold") {
  const Bytes file =
      aedat3_file({aedat3_packet({.type = 0, .event_bytes = 3, .events = 2}, Bytes(6)),
                   aedat3_packet({.events = 3}, three_events),
                   aedat3_packet({.type = 3, .event_bytes = 100, .events = 0}, {}),
                   aedat3_packet({.type = 2, .time_at = 20}, Bytes(8))});
  CHECK(parse_aedat3(file, "mixed").events.size() == 2);
}

TEST_CASE("a packet may have more room than events") {
  Bytes roomy = three_events;
  roomy.resize(40, 0xff);
  const Bytes file = aedat3_file(
      {aedat3_packet({.room = 5, .events = 3}, roomy), aedat3_packet({.events = 3}, three_events)});
  CHECK(parse_aedat3(file, "roomy").events.size() == 4);
}

TEST_CASE("AEDAT 3.1 files are written and read back, whatever their sensor and times") {
  for (const Sensor& sensor : {Sensor{128, 128, 2}, Sensor{240, 180, 2}, Sensor{300, 200, 2}}) {
    Recording recording{.sensor = sensor, .events = {}};
    const auto last_x = static_cast<std::int16_t>(sensor.width - 1);
    const auto last_y = static_cast<std::int16_t>(sensor.height - 1);
    for (std::int64_t i = 0; i < 10'000; ++i)
      recording.events.push_back(i * 1'000'000, i % 2 == 0 ? last_x : std::int16_t{0}, last_y,
                                 static_cast<std::uint8_t>(i / 2 % 2));
    const Recording again = parse_aedat3(encode_aedat3(recording), "again");
    CHECK(again.sensor == sensor);
    CHECK(again.events == recording.events);
  }
  CHECK(
      parse_aedat3(encode_aedat3({.sensor = {128, 128, 2}, .events = {}}), "none").events.empty());
}

TEST_CASE("an AEDAT 3.1 file's sensor is that of the options, of its camera or of its events") {
  const Bytes packet = aedat3_packet({.events = 3}, three_events);
  CHECK(parse_aedat3(aedat3_file({packet}, "DAVIS240C"), "a").sensor == Sensor{240, 180, 2});
  CHECK(parse_aedat3(aedat3_file({packet}, "Network"), "a").sensor == Sensor{128, 101, 2});
  CHECK(parse_aedat3(aedat3_file({packet}), "a", {.sensor = Sensor{640, 480, 2}}).sensor ==
        Sensor{640, 480, 2});
  CHECK_ERROR(parse_aedat3(aedat3_file({packet}), "a", {.sensor = Sensor{128, 100, 2}}), format,
              "[aedat3] a: event 2 at byte 105: it is at (127, 100), outside the sensor of "
              "128x100x2.");
}

TEST_CASE("AEDAT 3.1 times that run backwards are sorted or rejected") {
  CHECK_ERROR(parse_aedat3(three_event_file(), "late", {.read = {.order = TimeOrder::reject}}),
              format, "[aedat3] late: time runs backwards at event 1, from 2147483647 to 7 us");
}

TEST_CASE("an AEDAT 3.1 event with a negative time says where") {
  Bytes negative = three_events;
  negative[23] = 0x80;
  CHECK_ERROR(parse_aedat3(aedat3_file({aedat3_packet({.events = 3}, negative)}), "odd"), format,
              "[aedat3] odd: event 2 at byte 105: its time is negative.");
}

TEST_CASE("an AEDAT 3.1 packet that claims what cannot be says what") {
  CHECK_PACKET_ERROR((Aedat3PacketFields{.events = 4}),
                     "it claims 4 events of 8 bytes; 24 bytes follow.");
  CHECK_PACKET_ERROR((Aedat3PacketFields{.room = 4, .events = 3}),
                     "it claims 4 events of 8 bytes; 24 bytes follow.");
  CHECK_PACKET_ERROR((Aedat3PacketFields{.type = 9, .event_bytes = INT32_MAX, .room = INT32_MAX}),
                     "it claims 2147483647 events of 2147483647 bytes; 24 bytes follow.");
  CHECK_PACKET_ERROR((Aedat3PacketFields{.room = 2, .events = 3}),
                     "it claims 3 events and room for 2.");
  CHECK_PACKET_ERROR((Aedat3PacketFields{.event_bytes = 12, .events = 2}),
                     "its polarity events have 12 bytes, the time at byte 4; they must have 8, the "
                     "time at byte 4.");
  CHECK_PACKET_ERROR((Aedat3PacketFields{.time_at = 0, .events = 3}),
                     "its polarity events have 8 bytes, the time at byte 0;");
  CHECK_PACKET_ERROR((Aedat3PacketFields{.room = 0x80000000, .events = 3}),
                     "its capacity is -2147483648.");
  CHECK_PACKET_ERROR((Aedat3PacketFields{.overflows = 0xffffffff, .events = 3}),
                     "its count of overflows is -1.");
  CHECK_PACKET_ERROR((Aedat3PacketFields{.events = 0xffffffff}), "its capacity is -1.");
}

TEST_CASE("an AEDAT 3.1 file cut anywhere in its packets says where") {
  const Bytes file = three_event_file();
  for (std::size_t length = 62; length < file.size(); ++length) {
    CAPTURE(length);
    const Bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length));
    CHECK_ERROR(parse_aedat3(cut, "cut"), format, "[aedat3] cut: packet 0 at byte 61: ");
  }
  CHECK_ERROR(parse_aedat3(Bytes(file.begin(), file.begin() + 68), "cut"), format,
              "the file ends after 7 of the 28 bytes of its header.");
}

TEST_CASE("an AEDAT 3.1 header that does not end, or names another version or format, is refused") {
  const auto parse = [](const std::string& text) {
    return parse_aedat3(Bytes(text.begin(), text.end()), "odd");
  };
  CHECK(parse("#!AER-DAT3.1\r\n#!END-HEADER\r\n").events.empty());
  CHECK_ERROR(parse("#!AER-DAT2.0\r\n"), format,
              "[aedat3] odd begins with \"#!AER-DAT2.0\"; it must begin with \"#!AER-DAT3.1\".");
  CHECK_ERROR(parse("#!AER-DAT3.1\r\n#Format: SerializedTS\r\n#!END-HEADER\r\n"), format,
              "[aedat3] odd: its header says \"#Format: SerializedTS\"; only RAW is read.");
  CHECK_ERROR(parse("#!AER-DAT3.1\r\n"), format,
              "[aedat3] odd: header line 1 at byte 14: the file ends within its header.");
  CHECK_ERROR(parse("#!AER-DAT3.1\r\nabc\n"), format,
              "[aedat3] odd: header line 1 at byte 14: it must begin with \"#\", or the one before "
              "it be \"#!END-HEADER\".");
}

TEST_CASE("AEDAT 3.1 files are read from disk") {
  const TemporaryFolder folder;
  write_file(folder / "three.aedat", three_event_file());
  CHECK(read_aedat3(folder / "three.aedat").events.size() == 2);
  CHECK_ERROR(read_aedat3(folder / "absent.aedat"), ErrorCode::io, "[aedat3] cannot open ");
  CHECK_ERROR(read_aedat3(folder / "three.aedat", {.read = {.max_bytes = 9}}), format, "at most 9");
}

TEST_CASE("events that AEDAT 3.1 cannot hold are not written") {
  Recording recording{.sensor = {128, 128, 2}, .events = {}};
  recording.events.push_back(-1, 0, 0, 0);
  CHECK_ERROR(encode_aedat3(recording), ErrorCode::invalid_argument,
              "[aedat3] event 0 is at -1 us; the format holds 0 to 4503599627370496 us.");
}

}  // namespace ranvier::test
