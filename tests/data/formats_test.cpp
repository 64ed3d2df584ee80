#include "ranvier/data/formats/formats.h"

#include <set>

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/expected_events.h"
#include "tests/support/shared_data.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {
namespace {

/// Fits every format.
Recording small_recording(const EventFormat& format) {
  const bool channels = format.name == "bs1";
  const Sensor sensor = channels ? Sensor{64, 1, 1} : Sensor{34, 34, 2};
  Recording recording{.sensor = sensor, .events = {}};
  for (int i = 0; i < 34; ++i)
    recording.events.push_back(100 * i, static_cast<std::int16_t>(i),
                               static_cast<std::int16_t>(channels ? 0 : 33 - i),
                               channels || i % 2 == 0);
  return recording;
}

}  // namespace

TEST_CASE("every event format reads what it writes, found by extension and by content") {
  const TemporaryFolder folder;
  for (const EventFormat& format : event_formats()) {
    CAPTURE(format.name);
    const Recording recording = small_recording(format);
    const auto named = folder / std::string("a").append(format.extension);
    write_events(named, recording, format.name);
    CHECK(recognise_format(file_bytes(named), named).name == format.name);
    CHECK(read_events(named).events == recording.events);
    if (format.recognise == nullptr) continue;
    write_events(folder / "b", recording, format.name);
    CHECK(recognise_format(file_bytes(folder / "b"), "b").name == format.name);
    CHECK(read_events(folder / "b").events == recording.events);
    CHECK(read_events(folder / "b", {.format = std::string(format.name)}).events ==
          recording.events);
  }
}

TEST_CASE("no content is taken for two formats") {
  for (const EventFormat& format : event_formats()) {
    const auto content = format.encode(small_recording(format));
    for (const EventFormat& other : event_formats()) {
      if (other.recognise == nullptr) continue;
      CAPTURE(format.name, other.name);
      CHECK(other.recognise(content) == (format.name == other.name));
    }
  }
}

TEST_CASE("event formats have names and extensions that tell them apart") {
  std::set<std::string_view> names;
  for (const EventFormat& format : event_formats()) {
    CHECK(names.insert(format.name).second);
    CHECK(list_event_formats().find(std::string(format.name)) != std::string::npos);
    // Where only the extension tells, it is nobody else's.
    for (const EventFormat& other : event_formats())
      CHECK((&other == &format || other.extension != format.extension ||
             (format.recognise != nullptr && other.recognise != nullptr)));
  }
}

TEST_CASE("every real recording is recognised and has the events it is known to have") {
  const auto samples = shared_data("event-samples");
  if (!samples) return;
  for (const char* folder : {"nmnist-single/", "dvs128-bs2/", "cochlea-bs1/", "prophesee-dat/",
                             "prophesee-raw/", "aedat4/"})
    for (const ExpectedEvents& expected : expected_events(*samples, folder)) {
      const Recording recording = read_events(*samples / expected.file);
      check_events(recording.events, expected);
      // Text and NumPy arrays hold whatever others do.
      CHECK(event_format("csv").parse(event_format("csv").encode(recording), "c", {}).events ==
            recording.events);
      CHECK(event_format("npz").parse(event_format("npz").encode(recording), "n", {}).events ==
            recording.events);
    }
}

TEST_CASE("a sensor that the caller knows is used where the format names none") {
  const Recording recording = small_recording(event_format("atis"));
  const TemporaryFolder folder;
  for (const char* name : {"a.bin", "a.bs2", "a.csv", "a.npy"}) {
    write_events(folder / name, recording);
    CHECK(read_events(folder / name, {.sensor = Sensor{180, 90, 2}}).sensor == Sensor{180, 90, 2});
    CHECK_ERROR(read_events(folder / name, {.sensor = Sensor{33, 34, 2}}), ErrorCode::format,
                "outside the sensor of 33x34x2");
  }
}

TEST_CASE("a sensor that the caller asks for comes before the one that the format names") {
  const TemporaryFolder folder;
  for (const char* name : {"evt2", "evt3", "aedat4", "aedat2"}) {
    INFO(name);
    const EventFormat& format = event_format(name);
    const auto file = folder / (name + std::string(format.extension));
    write_events(file, small_recording(format), name);
    const Sensor own = read_events(file).sensor, larger{own.width + 1, own.height + 1, 2};
    CHECK(read_events(file, {.sensor = larger}).sensor == larger);
    CHECK_ERROR(read_events(file, {.sensor = Sensor{1, 1, 2}}), ErrorCode::format,
                "lies outside the sensor of 1x1x2.");
    CHECK_ERROR(read_events(file, {.sensor = Sensor{own.width, own.height, 1}}), ErrorCode::format,
                "its events have 2 polarities; those of");
  }
}

TEST_CASE("files of unknown formats are errors that say what is known") {
  const TemporaryFolder folder;
  write_file(folder / "a.xyz", Bytes{1, 2, 3});
  CHECK_ERROR(read_events(folder / "a.xyz"), ErrorCode::format,
              "a.xyz tell its format; name it, as one of evt3, evt2, dat, aedat4, aedat3, aedat2, "
              "atis, bs2, bs1, npz, npy, csv.");
  CHECK_ERROR(read_events(folder / "a.xyz", {.format = "evt4"}), ErrorCode::invalid_argument,
              "[events] there is no format \"evt4\"; there are evt3, evt2, ");
  const Recording recording = small_recording(event_format("atis"));
  CHECK_ERROR(write_events(folder / "b.xyz", recording), ErrorCode::invalid_argument,
              "b.xyz belongs to no format; name the format, or use one of .raw, .dat, .aedat4, ");
  CHECK_ERROR(read_events(folder / "absent.raw"), ErrorCode::io, "[events] cannot open ");
}

TEST_CASE("a damaged file is judged by the format of its extension") {
  const TemporaryFolder folder;
  write_file(folder / "a.raw", Bytes{1, 2, 3});
  CHECK_ERROR(read_events(folder / "a.raw"), ErrorCode::format, "[evt] ");
}

}  // namespace ranvier::test
