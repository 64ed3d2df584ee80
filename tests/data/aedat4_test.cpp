#include "ranvier/data/formats/aedat4.h"

#include <algorithm>

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/expected_events.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode format = ErrorCode::format;

void append(Bytes& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void append(Bytes& out, const std::string& text) {
  out.insert(out.end(), text.begin(), text.end());
}

/// A flatbuffer with its length in front: vtable at byte 12, table at byte 24.
Bytes flatbuffer(const std::string& kind, const std::vector<int>& vtable, const Bytes& table) {
  Bytes out;
  append(out, 8 + 12 + table.size(), 4);
  append(out, 20, 4);  // from here to the table
  append(out, kind);
  for (const int entry : vtable) append(out, static_cast<std::uint64_t>(entry), 2);
  out.resize(24);
  out.insert(out.end(), table.begin(), table.end());
  return out;
}

/// A header whose packets end at `end`; -1: with the file.
Bytes header_bytes(const std::string& streams, std::int64_t end = -1, int compression = 0) {
  Bytes table;
  append(table, 12, 4);  // back to the vtable
  append(table, static_cast<std::uint64_t>(compression), 4);
  append(table, static_cast<std::uint64_t>(end), 8);
  append(table, 4, 4);  // from here to the text
  append(table, streams.size(), 4);
  append(table, streams);
  Bytes out;
  append(out, "#!AER-DAT4.0\r\n");
  const Bytes flat = flatbuffer("IOHE", {10, 20, 4, 8, 16}, table);
  out.insert(out.end(), flat.begin(), flat.end());
  return out;
}

struct Event {
  std::int64_t t;
  int x, y, on;
};

Bytes event_content(const std::vector<Event>& events, const std::string& kind = "EVTS") {
  Bytes table;
  append(table, 12, 4);
  append(table, 4, 4);
  append(table, events.size(), 4);
  for (const Event& event : events) {
    append(table, static_cast<std::uint64_t>(event.t), 8);
    append(table, static_cast<std::uint64_t>(event.x), 2);
    append(table, static_cast<std::uint64_t>(event.y), 2);
    append(table, static_cast<std::uint64_t>(event.on), 4);
  }
  return flatbuffer(kind, {6, 8, 4}, table);
}

void append_packet(Bytes& out, int stream, const Bytes& content) {
  append(out, static_cast<std::uint64_t>(stream), 4);
  append(out, content.size(), 4);
  out.insert(out.end(), content.begin(), content.end());
}

const std::string camera =
    R"(<dv><node name="outInfo"><node name="7"><attr key="typeIdentifier" type="string">EVTS</attr>)"
    R"(<node name="info"><attr key="sizeX" type="int">64</attr><attr key="sizeY">32</attr></node>)"
    R"(</node><node name="8"><attr key="typeIdentifier">FRME</attr><node name="info">)"
    R"(<attr key="sizeX">640</attr></node></node></node></dv>)";

Recording many_events() {
  Recording recording{.sensor = {.width = 320, .height = 240, .polarities = 2}, .events = {}};
  for (int i = 0; i < 20'000; ++i)
    recording.events.push_back(1'605'537'493'718'345 + 50 * i, static_cast<std::int16_t>(i % 320),
                               static_cast<std::int16_t>(i % 239), i % 3 == 0);
  return recording;
}

/// Bytes of the first packet of an encoded file.
std::size_t first_packet(const Bytes& file) { return 14 + 4 + file[14] + 256u * file[15]; }

}  // namespace

TEST_CASE("a real AEDAT 4.0 recording has the events it is known to have") {
  const auto samples = shared_data("event-samples");
  if (!samples) return;
  for (const ExpectedEvents& expected : expected_events(*samples, "aedat4/")) {
    const Recording recording = read_aedat4(*samples / expected.file, {.order = TimeOrder::reject});
    check_events(recording.events, expected);
    CHECK(to_string(recording.sensor) == "320x240x2");
  }
}

TEST_CASE("recordings survive AEDAT 4.0 files, however they are packed") {
  const Recording recording = many_events();
  const TemporaryFolder folder;
  for (const auto packing : {Aedat4Packing::none, Aedat4Packing::lz4, Aedat4Packing::zstd}) {
    const Bytes file = encode_aedat4(recording, packing);
    write_file(folder / "a.aedat4", file);
    const Recording read = read_aedat4(folder / "a.aedat4", {.order = TimeOrder::reject});
    CHECK(read.sensor == recording.sensor);
    CHECK(read.events == recording.events);
    CHECK((file.size() > 320'000) == (packing == Aedat4Packing::none));
  }
}

TEST_CASE("the sensor that an AEDAT 4.0 file states is kept without events, and at its largest") {
  for (const Sensor sensor : {Sensor{5, 4, 2}, Sensor{32768, 32768, 2}}) {
    const Recording none = parse_aedat4(encode_aedat4({.sensor = sensor, .events = {}}), "none");
    CHECK(none.events.empty());
    CHECK(none.sensor == sensor);
    const Recording one{.sensor = sensor, .events = {{7}, {1}, {2}, {1}}};
    CHECK(parse_aedat4(encode_aedat4(one), "one").sensor == sensor);
  }
  // Of two streams, one says which sensor it is of only when it has events.
  const std::string two = camera +
                          R"(<node name="outInfo"><node name="6"><attr key="typeIdentifier">EVTS)"
                          R"(</attr></node></node>)";
  CHECK(parse_aedat4(header_bytes(two), "two").sensor == Sensor{1, 1, 2});
}

TEST_CASE("packets of other streams than the events' are passed over") {
  Bytes file = header_bytes(camera);
  append_packet(file, 8, {1, 2, 3});  // a frame, not even looked at
  append_packet(file, 7, event_content({{5, 1, 2, 1}, {6, 63, 31, 0}}));
  append_packet(file, 9, event_content({}, "IMUS"));  // the header does not know this stream
  append_packet(file, 7, event_content({{7, 3, 4, 1}}));
  const Recording recording = parse_aedat4(file, "mixed.aedat4");
  CHECK(recording.sensor == Sensor{.width = 64, .height = 32, .polarities = 2});
  CHECK(recording.events == Events{{5, 6, 7}, {1, 63, 3}, {2, 31, 4}, {1, 0, 1}});
}

TEST_CASE("events whose stream the header does not describe are read, and set the sensor") {
  for (const std::string streams :
       {"", "<dv", "<node name=\"outInfo\"><node name=\"x\">", "</node>",
        "<node name=\"outInfo\"/><node name=\"0\"><attr key=\"sizeX\">"}) {
    Bytes file = header_bytes(streams);
    append_packet(file, 0, event_content({{5, 9, 2, 1}}));
    const Recording recording = parse_aedat4(file, "bare.aedat4");
    CHECK(recording.sensor == Sensor{.width = 10, .height = 3, .polarities = 2});
    CHECK(recording.events.size() == 1);
  }
}

TEST_CASE("packets end where the header says that the table of packets begins") {
  Bytes file = header_bytes(camera);
  append_packet(file, 7, event_content({{5, 1, 2, 1}}));
  const auto end = static_cast<std::int64_t>(file.size());
  Bytes closed = header_bytes(camera, end);
  closed.insert(closed.end(), file.begin() + static_cast<std::ptrdiff_t>(closed.size()),
                file.end());
  append(closed, "a table of packets");
  CHECK(parse_aedat4(closed, "closed.aedat4").events.size() == 1);
  CHECK_ERROR(
      parse_aedat4(header_bytes(camera, 1 << 20), "x.aedat4"), format,
      "[aedat4] x.aedat4: header 0 at byte 14: it says that packets end at byte 1048576 of ");
  CHECK_ERROR(parse_aedat4(header_bytes(camera, 20), "x.aedat4"), format,
              "it says that packets end at byte 20 of");
}

TEST_CASE("a table without a field has its default, and no events") {
  Bytes file;
  append(file, "#!AER-DAT4.0\r\n");
  const Bytes flat = flatbuffer("IOHE", {4, 4}, {12, 0, 0, 0});
  file.insert(file.end(), flat.begin(), flat.end());
  append_packet(file, 0, flatbuffer("EVTS", {4, 4}, {12, 0, 0, 0}));
  CHECK(parse_aedat4(file, "bare.aedat4").events.empty());
}

TEST_CASE("an AEDAT 4.0 file cut anywhere is an error or lacks whole packets") {
  const Recording recording = many_events();
  const Bytes file = encode_aedat4(recording);
  const std::size_t second =
      first_packet(file) + 8 + static_cast<std::size_t>(file[first_packet(file) + 4]) +
      256u * file[first_packet(file) + 5] + 65536u * file[first_packet(file) + 6];
  CHECK(parse_aedat4(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(second)), "x")
            .events.size() == 8192);
  for (std::size_t length = 0; length < second; length += length < 3000 ? 1 : 97) {
    CAPTURE(length);
    if (length == first_packet(file)) continue;
    CHECK_ERROR(
        parse_aedat4(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length)), "x"),
        format, "[aedat4] x");
  }
}

TEST_CASE("what is wrong with an AEDAT 4.0 file is named with packet and byte") {
  CHECK_ERROR(parse_aedat4(Bytes{'#', '!', 'A'}, "x.aedat4"), format,
              "[aedat4] x.aedat4 does not begin with the line \"#!AER-DAT4.0\".");
  CHECK_ERROR(parse_aedat4(header_bytes("", -1, 5), "x.aedat4"), format,
              "header 0 at byte 14: it names the compression 5; 0 to 4 exist.");
  const auto fails = [](const Bytes& content, const std::string& text) {
    Bytes file = header_bytes(camera);
    append_packet(file, 7, event_content({{1, 1, 1, 1}}));
    append_packet(file, 7, content);
    CHECK_ERROR(parse_aedat4(file, "x.aedat4"), format, text);
  };
  const Bytes good = event_content({{5, 1, 2, 1}});
  fails(event_content({{5, 1, 2, 1}, {5, 64, 2, 1}}),
        "[aedat4] x.aedat4: event 2 at byte 436: it is at (64, 2), outside the sensor");
  fails(event_content({{5, -1, 2, 1}}), "it is at (65535, 2), outside");
  fails({}, "[aedat4] x.aedat4: packet 1 at byte 436: its content needs the bytes 0 to 3 of 0.");
  fails(event_content({}, "FRME"), "its content does not begin as \"EVTS\" does.");
  Bytes bad = good;
  bad.push_back(0);
  fails(bad, "its content says that 48 bytes follow; 49 do.");
  bad = good;
  bad[32] = 2;  // the number of events
  fails(bad, "its content needs the bytes 36 to 67 of 52.");
  bad = good;
  bad[35] = 0xff;
  fails(bad, "its content needs the bytes 36 to ");
  bad = good;
  bad[7] = 0x80;  // where the table is
  fails(bad, "its content needs the bytes 2147483672 to");
  bad = good;
  bad[27] = 0x80;  // where the vtable is
  fails(bad, "its content needs the bytes ");
  bad = good;
  bad[12] = 0xff;  // the length of the vtable
  fails(bad, "its content needs the bytes 12 to 266 of 52.");
}

TEST_CASE("events of two streams are refused") {
  Bytes file = header_bytes("");
  append_packet(file, 3, event_content({{1, 1, 1, 1}}));
  append_packet(file, 4, event_content({{1, 1, 1, 1}}));
  CHECK_ERROR(parse_aedat4(file, "stereo.aedat4"), format,
              "it has events of stream 4 after some of stream 3; one stream is read.");
}

TEST_CASE("packets that claim more bytes than the file has are refused") {
  Bytes file = header_bytes(camera);
  append(file, 7, 4);
  append(file, 0x7fffffff, 4);
  CHECK_ERROR(parse_aedat4(file, "x.aedat4"), format,
              "it takes 2147483647 bytes; 0 are left for packets.");
  file.back() = 0xff;
  CHECK_ERROR(parse_aedat4(file, "x.aedat4"), format, "it takes -1 bytes; 0 are left");
  file.pop_back();
  CHECK_ERROR(parse_aedat4(file, "x.aedat4"), format, "the file ends within its header.");
}

TEST_CASE("damage in a packed packet is noticed") {
  for (const auto packing : {Aedat4Packing::lz4, Aedat4Packing::zstd}) {
    const Bytes file = encode_aedat4(many_events(), packing);
    const std::size_t content = first_packet(file) + 8;
    Bytes bad = file;
    bad[content] ^= 0xff;  // of the frame's magic number
    CHECK_ERROR(parse_aedat4(bad, "bad.aedat4"), format, "it is damaged after 0 unpacked bytes (");
    bad = Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(content) + 100);
    bad[content - 4] = 100;
    bad[content - 3] = bad[content - 2] = 0;
    CHECK_ERROR(parse_aedat4(bad, "cut.aedat4"), format, "it is cut: it ends after ");
  }
}

TEST_CASE("packets that unpack to more than allowed are refused") {
  Recording still{.sensor = {1, 1, 1}, .events = {}};
  still.events.resize(2'000'000);
  for (const auto packing : {Aedat4Packing::lz4, Aedat4Packing::zstd}) {
    const Bytes file = encode_aedat4(still, packing);
    CHECK(file.size() < 400'000);
    CHECK_ERROR(parse_aedat4(file, "bomb.aedat4", {.max_bytes = 400'000}), format,
                "it unpacks to more than 6688 bytes.");
  }
  CHECK_ERROR(parse_aedat4(encode_aedat4(still, Aedat4Packing::none), "x", {.max_bytes = 1 << 20}),
              format, "events take 13 bytes each; at most 1048576 bytes are accepted.");
}

TEST_CASE("times of packets that run backwards are sorted, or refused on demand") {
  Bytes file = header_bytes(camera);
  append_packet(file, 7, event_content({{9, 1, 1, 1}}));
  append_packet(file, 7, event_content({{5, 2, 1, 1}}));
  CHECK(parse_aedat4(file, "x").events.t == std::vector<std::int64_t>{5, 9});
  CHECK_ERROR(parse_aedat4(file, "x", {.order = TimeOrder::reject}), format,
              "time runs backwards at event 1");
}

}  // namespace ranvier::test
