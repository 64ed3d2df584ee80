#include "ranvier/data/formats/csv.h"

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode format = ErrorCode::format;

Bytes bytes(const std::string& text) { return Bytes(text.begin(), text.end()); }

Recording parse(const std::string& text) { return parse_csv(bytes(text), "x.csv"); }

}  // namespace

TEST_CASE("events as text are lines of integers") {
  const Recording recording = parse("t,x,y,p\n-5,1,2,1\n7,33,4,0\n8,3,4,-1\n");
  CHECK(recording.sensor == Sensor{.width = 34, .height = 5, .polarities = 2});
  CHECK(recording.events == Events{{-5, 7, 8}, {1, 33, 3}, {2, 4, 4}, {1, 0, 0}});
}

TEST_CASE("a line of names says which column is which") {
  CHECK(parse("p,y,x,t\n0,1,2,3\n").events == Events{{3}, {2}, {1}, {0}});
  const Recording channels = parse(" x , t \r\n9,1\r\n\r\n 8 ,2");
  CHECK(channels.sensor == Sensor{.width = 10, .height = 1, .polarities = 1});
  CHECK(channels.events == Events{{1, 2}, {9, 8}, {0, 0}, {1, 1}});
  CHECK(parse("1,2,3,1").events == Events{{1}, {2}, {3}, {1}});
  CHECK(parse("").events.empty());
  CHECK(parse("t,x,y,p").events.empty());
}

TEST_CASE("recordings survive text") {
  const Recording recording{.sensor = {.width = 34, .height = 5, .polarities = 2},
                            .events = {{-5, 7, max_time}, {1, 33, 3}, {2, 4, 4}, {1, 0, 0}}};
  const TemporaryFolder folder;
  write_file(folder / "a.csv", encode_csv(recording));
  CHECK(file_text(folder / "a.csv").starts_with("t,x,y,p\n-5,1,2,1\n7,33,4,0\n"));
  CHECK(read_csv(folder / "a.csv").events == recording.events);
  CHECK(read_csv(folder / "a.csv").sensor == recording.sensor);
}

TEST_CASE("what is wrong in text is named with line and byte") {
  CHECK_ERROR(parse("t,x,y,p\n1,2,3,1\n1,2,a,1\n"), format,
              "[csv] x.csv: line 3 at byte 16: \"a\" is no integer.");
  CHECK_ERROR(parse("1,2,3,1\n\n1,2,3\n"), format,
              "[csv] x.csv: line 3 at byte 9: it has 3 values; 4 columns were named.");
  CHECK_ERROR(parse("1,2,3,1,0\n"), format, "line 1 at byte 0: it has more than 4 values.");
  CHECK_ERROR(parse("1,2,,1\n"), format, "\"\" is no integer.");
  CHECK_ERROR(parse("1.5,2,3,1\n"), format, "\"1.5\" is no integer.");
  CHECK_ERROR(parse("99999999999999999999,2,3,1\n"), format, "is no integer.");
  CHECK_ERROR(parse("t,x,z\n"), format,
              "line 1 at byte 0: \"z\" is no column, or is there twice; t, x, y and p are.");
  CHECK_ERROR(parse("t,x,t\n"), format, "\"t\" is no column, or is there twice");
  CHECK_ERROR(parse("t,y\n"), format, "the columns t and x must be there.");
}

TEST_CASE("events that cannot be are refused in text") {
  CHECK_ERROR(parse("1,32768,0,1\n"), format,
              "[csv] x.csv: event 0 is at (32768, 0); sensors have 0 to 32767.");
  CHECK_ERROR(parse("1,0,-1,1\n"), format, "event 0 is at (0, -1)");
  CHECK_ERROR(parse("1,0,0,2\n"), format,
              "[csv] x.csv: event 0 has the polarity 2; 1 is ON, 0 and -1 are OFF.");
  CHECK_ERROR(parse("4503599627370497,0,0,1\n"), format, "times lie within");
  CHECK_ERROR(parse_csv(bytes("1,4,0,1\n"), "x.csv", {.sensor = Sensor{4, 4, 2}}), format,
              "event 0 is at (4, 0), outside the sensor of 4x4x2.");
  CHECK_ERROR(
      parse_csv(bytes("2,0,0,1\n1,0,0,1\n"), "x.csv", {.read = {.order = TimeOrder::reject}}),
      format, "time runs backwards at event 1");
  CHECK(parse("2,0,0,1\n1,0,0,1\n").events.t == std::vector<std::int64_t>{1, 2});
}

}  // namespace ranvier::test
