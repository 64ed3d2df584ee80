#include "ranvier/data/formats/prophesee_raw.h"

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/expected_events.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode format = ErrorCode::format;

/// `text`, then little-endian words.
template <class Word>
Bytes evt_file(const std::string& text, const std::vector<Word>& words) {
  Bytes file(text.begin(), text.end());
  for (const Word word : words)
    for (std::size_t i = 0; i < sizeof(Word); ++i)
      file.push_back(static_cast<std::uint8_t>(word >> (8 * i)));
  return file;
}

Bytes evt2(const std::vector<std::uint32_t>& words) {
  return evt_file("% evt 2.0\n% geometry 64x32\n% end\n", words);
}

Bytes evt3(const std::vector<std::uint16_t>& words) {
  return evt_file("% evt 3.0\n% format EVT3;height=32;width=64\n% end\n", words);
}

Recording sparse_and_dense() {
  Recording recording{.sensor = {.width = 64, .height = 32, .polarities = 2}, .events = {}};
  for (const std::int16_t x : {3, 4, 9, 14, 2, 3, 4, 5}) recording.events.push_back(70, x, 5, 1);
  recording.events.push_back(70, 6, 5, 0);
  recording.events.push_back(4'000, 63, 31, 0);
  recording.events.push_back(4'096, 0, 31, 1);
  recording.events.push_back(90'000'000, 0, 0, 1);  // after several wraps of EVT 3.0
  recording.events.push_back((std::int64_t{1} << 34) - 1, 1, 1, 0);
  return recording;
}

}  // namespace

TEST_CASE("real EVT 2.0 and EVT 3.0 recordings have the events they are known to have") {
  const auto samples = shared_data("event-samples");
  if (!samples) return;
  for (const ExpectedEvents& expected : expected_events(*samples, "prophesee-raw/")) {
    const Recording recording = read_evt(*samples / expected.file, {.order = TimeOrder::reject});
    check_events(recording.events, expected);
    const bool small = expected.file.find("evt2") != std::string::npos;
    CHECK(to_string(recording.sensor) == (small ? "640x480x2" : "1280x720x2"));
    CHECK(parse_evt(encode_evt2(recording), "2").events == recording.events);
    CHECK(parse_evt(encode_evt3(recording), "3").events == recording.events);
  }
}

TEST_CASE("EVT 2.0 words are events of 11-bit pixels and 34-bit times") {
  const Recording recording = parse_evt(
      evt2({0x8000'0001, 0x1000'0000 | 63u << 22 | 63u << 11 | 31, 0x8000'0002, 0x0000'0000}),
      "two.raw");
  CHECK(recording.sensor == Sensor{.width = 64, .height = 32, .polarities = 2});
  CHECK(recording.events == Events{{127, 128}, {63, 0}, {31, 0}, {1, 0}});
}

TEST_CASE("EVT 3.0 words are events of single pixels and of vectors") {
  const Recording recording = parse_evt(evt3({0x8001, 0x6002, 0x0007, 0x2805,  // one ON
                                              0x300a, 0x4801, 0x5081,  // OFF: 10, 21, 22, 29
                                              0x6003, 0x0008, 0x3801, 0x5001, 0x4001}),  // ON: 1, 9
                                        "seven.raw");
  CHECK(recording.events == Events{{4098, 4098, 4098, 4098, 4098, 4099, 4099},
                                   {5, 10, 21, 22, 29, 1, 9},
                                   {7, 7, 7, 7, 7, 8, 8},
                                   {1, 0, 0, 0, 0, 1, 1}});
}

TEST_CASE("words that are not events of pixels are passed over") {
  CHECK(parse_evt(evt2({0x8000'0000, 0xa000'0101, 0xe123'4567, 0xf000'0000, 0x1000'0000}), "r")
            .events.size() == 1);
  CHECK(parse_evt(evt3({0x8000, 0x6000, 0xa101, 0xe123, 0x7001, 0xf123, 0x0000, 0x2000}), "r")
            .events.size() == 1);
}

TEST_CASE("events before the first time are left out") {
  CHECK(parse_evt(evt2({0x1000'0000, 0x8000'0002, 0x1000'0000}), "r").events.t ==
        std::vector<std::int64_t>{128});
  CHECK(parse_evt(evt3({0x6005, 0x2000, 0x3000, 0x4fff, 0x8001, 0x2001}), "r").events.t ==
        std::vector<std::int64_t>{4096});
}

TEST_CASE("times go on where their counter starts again") {
  CHECK(parse_evt(evt2({0x8fff'ffff, 0x1000'0000, 0x8000'0000, 0x1000'0000}), "r").events.t ==
        std::vector<std::int64_t>{((std::int64_t{1} << 28) - 1) << 6, std::int64_t{1} << 34});
  CHECK(parse_evt(evt3({0x8fff, 0x6fff, 0x2000, 0x8000, 0x6000, 0x2000}), "r").events.t ==
        std::vector<std::int64_t>{(1 << 24) - 1, 1 << 24});
}

TEST_CASE("a low time that runs ahead and falls back is no wrap") {
  CHECK(parse_evt(evt3({0x8001, 0x6320, 0x2000, 0x632b, 0x6321, 0x2000}), "r").events.t ==
        std::vector<std::int64_t>{4096 + 800, 4096 + 801});
}

TEST_CASE("times that run backwards are sorted, or refused on demand") {
  const Bytes file = evt2({0x8000'0002, 0x1000'0001, 0x8000'0001, 0x1000'0002});
  CHECK(parse_evt(file, "r").events.t == std::vector<std::int64_t>{64, 128});
  CHECK_ERROR(parse_evt(file, "back.raw", {.order = TimeOrder::reject}), format,
              "[evt] back.raw: time runs backwards at event 1, from 128 to 64 us");
}

TEST_CASE("recordings survive EVT 2.0 and EVT 3.0 files") {
  const Recording recording = sparse_and_dense();
  const TemporaryFolder folder;
  write_file(folder / "2.raw", encode_evt2(recording));
  write_file(folder / "3.raw", encode_evt3(recording));
  for (const char* name : {"2.raw", "3.raw"}) {
    const Recording read = read_evt(folder / name, {.order = TimeOrder::reject});
    CHECK(read.sensor == recording.sensor);
    CHECK(read.events == recording.events);
  }
  const Recording empty{.sensor = recording.sensor, .events = {}};
  CHECK(parse_evt(encode_evt3(empty), "empty").sensor == recording.sensor);
  CHECK(parse_evt(encode_evt2(empty), "empty").events.empty());
}

TEST_CASE("EVT 3.0 writes the low part of a time after every new high part") {
  Recording recording{.sensor = {.width = 64, .height = 32, .polarities = 2}, .events = {}};
  for (const std::int64_t t : {4095, 4096}) recording.events.push_back(t, 1, 0, 1);
  const Bytes file = encode_evt3(recording);
  const Bytes words = evt3({0x8000, 0x6fff, 0x0000, 0x2801, 0x8001, 0x6000, 0x2801});
  const std::ptrdiff_t bytes = 7 * sizeof(std::uint16_t);
  CHECK(Bytes(file.end() - bytes, file.end()) == Bytes(words.end() - bytes, words.end()));
}

TEST_CASE("EVT 3.0 writes three or more neighbours as a vector") {
  Recording pair{.sensor = {.width = 64, .height = 32, .polarities = 2}, .events = {}};
  for (const std::int16_t x : {10, 21}) pair.events.push_back(0, x, 0, 1);
  Recording three = pair;
  three.events.push_back(0, 22, 0, 1);  // does not fit a vector from 10 on
  Recording four = pair;
  four.events.x = {10, 12};
  four.events.push_back(0, 21, 0, 1);
  const std::size_t least = encode_evt3(pair).size();
  CHECK(encode_evt3(three).size() == least + 2);
  CHECK(encode_evt3(four).size() == least);
  for (const Recording& recording : {pair, three, four})
    CHECK(parse_evt(encode_evt3(recording), "r").events == recording.events);
}

TEST_CASE("the sensor of a .raw file comes from its header, its camera or its events") {
  const auto sensor = [](const std::string& header) {
    return to_string(
        parse_evt(evt_file<std::uint32_t>(header, {0x8000'0000, 0x1000'0000 | 9 << 11 | 4}), "r")
            .sensor);
  };
  CHECK(sensor("% evt 2.0\n% geometry 320x240\n") == "320x240x2");
  CHECK(sensor("% format EVT2;height=240;width=320\n") == "320x240x2");
  CHECK(sensor("% evt 2.0\n% plugin_name hal_plugin_gen31_fx3\n") == "640x480x2");
  CHECK(sensor("% evt 2.0\n% plugin_name hal_plugin_gen41_evk3\r\n") == "1280x720x2");
  CHECK(sensor("% evt 2.0\n% geometry 0x480\n") == "10x5x2");
  CHECK(sensor("% evt 2.0\n% geometry 320x\n") == "10x5x2");
  CHECK(sensor("% evt 2.0\n") == "10x5x2");
}

TEST_CASE("data that begin with the byte of a header line are data") {
  const std::string header = "% evt 2.0\n% geometry 64x32\n";
  for (const std::uint32_t low : {0x0a25u, 0x2025u}) {
    CAPTURE(low);
    const Bytes file = evt_file<std::uint32_t>(header, {0x8000'0000 | low, 0x1000'0000});
    CHECK(parse_evt(file, "r").events.t == std::vector<std::int64_t>{low << 6});
  }
}

TEST_CASE("a .raw file of another encoding is refused") {
  CHECK_ERROR(
      parse_evt(evt_file<std::uint32_t>("% format EVT21;height=2;width=2\n", {}), "x.raw"), format,
      "[evt] x.raw: its header of 32 bytes says \"% format EVT21\" and \"% evt \"; EVT2 and "
      "EVT3, 2.0 and 3.0 are read.");
  CHECK_ERROR(parse_evt({}, "x.raw"), format, "[evt] x.raw: it must begin with lines of a header");
  CHECK_ERROR(parse_evt(Bytes{'%', ' ', 'e', 'v', 't'}, "x.raw"), format, "it has none.");
}

TEST_CASE("words that are wrong are named with their byte") {
  CHECK_ERROR(parse_evt(evt2({0x8000'0000, 0x5000'0000}), "x.raw"), format,
              "[evt] x.raw: word 1 at byte 37: its type is 0x5, which EVT 2.0 does not have.");
  CHECK_ERROR(parse_evt(evt3({0x8000, 0x0000, 0x9000}), "x.raw"), format,
              "[evt] x.raw: word 2 at byte 53: its type is 0x9, which EVT 3.0 does not have.");
  CHECK_ERROR(parse_evt(evt2({0x8000'0000, 64u << 11}), "x.raw"), format,
              "[evt] x.raw: word 1 at byte 37: it is at (64, 0), outside the sensor of 64x32x2.");
  CHECK_ERROR(parse_evt(evt3({0x8000, 0x0000, 0x303c, 0x4010}), "x.raw"), format,
              "[evt] x.raw: word 3 at byte 55: it is at (64, 0), outside the sensor of 64x32x2.");
  Bytes cut = evt2({0x8000'0000, 0x1000'0000});
  cut.pop_back();
  CHECK_ERROR(parse_evt(cut, "x.raw"), format,
              "[evt] x.raw: word 1 at byte 37: the file ends after 3 of its 4 bytes.");
}

TEST_CASE("a vector that moves on for ever leaves the sensor and not the memory") {
  std::vector<std::uint16_t> words{0x8000, 0x37ff};
  words.insert(words.end(), 100'000, 0x4000);
  CHECK(parse_evt(evt3(words), "r").events.empty());
  words.push_back(0x5001);
  CHECK_ERROR(parse_evt(evt3(words), "r"), format, "it is at (65536, 0), outside");
}

TEST_CASE("events that take more memory than allowed are refused before it is taken") {
  const std::vector<std::uint16_t> words(1000, 0x4fff);
  CHECK_ERROR(parse_evt(evt3(words), "full.raw", {.max_bytes = 100'000}), format,
              "[evt] full.raw: its 12000 events take 13 bytes each; at most 100000 bytes are "
              "accepted.");
}

TEST_CASE("what EVT cannot hold is not written") {
  Recording recording = sparse_and_dense();
  recording.events.t.back() += 1;
  CHECK_ERROR(encode_evt3(recording), ErrorCode::invalid_argument,
              "[evt] event 12 is at 17179869184 us; the format holds 0 to 17179869183 us.");
  recording.events.t.back() = 5;
  CHECK_ERROR(
      encode_evt2(recording), ErrorCode::invalid_argument,
      "[evt] events must be in the order of time; event 12 is at 5 us, the one before it at "
      "90000000 us.");
  recording.events.x.back() = 64;
  CHECK_ERROR(encode_evt2(recording), ErrorCode::invalid_argument,
              "[evt] event 12 is at (64, 1), outside the sensor of 64x32x2.");
  recording.sensor.width = 2049;
  CHECK_ERROR(encode_evt3(recording), ErrorCode::invalid_argument,
              "[evt] the sensor must be at most 2048 x 2048; got 2049 x 32.");
}

}  // namespace ranvier::test
