#include "apps/data/commands.h"

#include <fmt/core.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sstream>

#include "apps/tasks/camera_task.h"
#include "apps/tasks/spike_train_task.h"
#include "ranvier/data/event_sets/spike_file.h"
#include "ranvier/data/event_sets/spike_file_writer.h"
#include "ranvier/data/events/memory_recordings.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/events.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::apps {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;

/// What `body` prints on stdout.
std::string printed(const test::TemporaryFolder& folder, const std::function<void()>& body) {
  const fs::path file = folder / "stdout";
  std::fflush(stdout);
  const int former = dup(STDOUT_FILENO);
  REQUIRE(std::freopen(file.c_str(), "w", stdout) != nullptr);
  const auto restore = [&] {
    std::fflush(stdout);
    dup2(former, STDOUT_FILENO);
    close(former);
  };
  try {
    body();
  } catch (...) {
    restore();
    throw;
  }
  restore();
  return test::file_text(file);
}

/// Files in a folder, and ranvier-data at work on them.
struct Workplace {
  test::TemporaryFolder folder;

  std::string operator()(const std::string& arguments) const {
    CLI::App app("Events.", "ranvier-data");
    Chosen chosen;
    add_data_commands(app, chosen);
    app.parse(arguments);
    int status = -1;
    const std::string text = printed(folder, [&] { status = chosen(); });
    CHECK(status == 0);
    return text;
  }
  std::string path(const std::string& name) const { return (folder / name).string(); }
};

const Sensor pixels{20, 16, 2};

Recording some_pixels(std::uint64_t seed = 1) {
  return {pixels, test::random_events(pixels, 300, seed)};
}

/// A set of folders: train/left/0.npz and so on.
void write_folders(const Workplace& at) {
  for (const char* name : {"left", "right"})
    for (int i = 0; i < 3; ++i) {
      const fs::path folder = at.folder / "set" / name;
      make_folder(folder);
      write_events(folder / fmt::format("{}.npz", i), some_pixels(static_cast<std::uint64_t>(i)));
    }
}

void check_width(const CLI::App& app) {
  std::istringstream help(app.help());
  for (std::string line; std::getline(help, line);) {
    INFO(line);
    CHECK(line.size() <= 80);
  }
}

}  // namespace

TEST_CASE("the help of ranvier-data and of the event trainers fits 80 columns") {
  CLI::App data("Events.", "ranvier-data"), spikes("Spikes.", "shd"), camera("Camera.", "events");
  Chosen chosen;
  add_data_commands(data, chosen);
  check_width(data);
  for (const CLI::App* command : data.get_subcommands({})) {
    check_width(*command);
    for (const CLI::App* nested : command->get_subcommands({})) check_width(*nested);
  }
  SpikeTrainOptions spike_options = spike_train_defaults();
  add_spike_train_options(spikes, spike_options);
  check_width(spikes);
  CameraOptions camera_options = camera_defaults();
  add_camera_options(camera, camera_options);
  check_width(camera);
  CHECK_THAT(data.help(), Contains("evt3") && Contains("hdf5") && Contains("convert"));
  CHECK_THAT(data.get_subcommand("cache")->help(), Contains("shd, ssc, fsdd"));
  const CLI::App* generate = data.get_subcommand("generate");
  CHECK_THAT(generate->get_subcommand("randman")->help(), !Contains("evt3"));
}

TEST_CASE("info tells what is in a file") {
  const Workplace run;
  Recording recording{{34, 34, 2}, {}};
  for (int i = 0; i < 1500; ++i) recording.events.push_back(100 + i * 200, 3, 4, i % 3 == 0);
  write_events(run.folder / "a.bin", recording);
  const std::string text = run("info " + run.path("a.bin"));
  CHECK_THAT(text, Contains("format      atis, ") && Contains("sensor      34x34x2\n") &&
                       Contains("events      1,500, ON 33.3 %\n") &&
                       Contains("time        100 to 299,900 us, 299.8 ms\n") &&
                       Contains("rate        5,003 events/s\n") &&
                       Contains("pixels      1 of 1,156 have events (0.1 %)\n"));
}

TEST_CASE("info adds up a folder by format and sensor, and counts its classes") {
  const Workplace run;
  write_folders(run);
  write_events(run.folder / "set" / "left" / "other.aedat4", some_pixels());
  test::write_file(run.folder / "set" / "notes.csv", test::Bytes{'h', 'i'});
  const std::string text = run("info " + run.path("set"));
  CHECK_THAT(text, Contains("recordings  6\n") && Contains("events      1,800, ON ") &&
                       Contains("of each   300 to 300, mean 300") &&
                       Contains("format      aedat4") &&
                       Contains("2 classes (recordings):\n  left (4) right (3)\n"));
}

TEST_CASE("damaged files of a folder are an error that names them, or are skipped and counted") {
  const Workplace run;
  write_folders(run);
  test::write_file(run.folder / "set" / "left" / "bad.bin", test::Bytes{1, 2, 3});
  CHECK_ERROR(run("info " + run.path("set")), ErrorCode::format, "bad.bin");
  CHECK_THAT(run("info --skip-bad " + run.path("set")), Contains("recordings  6\n"));
  fs::remove_all(run.folder / "set" / "right");
  for (int i = 0; i < 3; ++i) fs::remove(run.folder / "set" / "left" / fmt::format("{}.npz", i));
  CHECK_ERROR(run("info --skip-bad " + run.path("set")), ErrorCode::format,
              "none of 1 recordings can be read.");
}

TEST_CASE("head prints the first events, or those from a place on") {
  const Workplace run;
  write_events(run.folder / "a.csv", {{5, 5, 2}, [] {
                                        Events events;
                                        events.push_back(7, 1, 2, 1);
                                        events.push_back(30, 4, 0, 0);
                                        return events;
                                      }()});
  const std::string header = "          t_us      x      y  p\n";
  const std::string first = "             7      1      2  1\n";
  const std::string second = "            30      4      0  0\n";
  CHECK(run("head " + run.path("a.csv")) == header + first + second);
  CHECK(run("head -n 1 " + run.path("a.csv")) == header + first);
  CHECK(run("head --first 1 " + run.path("a.csv")) == header + second);
  CHECK(run("head --first 9 " + run.path("a.csv")) == header);
}

TEST_CASE("convert keeps every event, through all formats that hold them") {
  const Workplace run;
  Recording recording = some_pixels();
  write_events(run.folder / "first.npz", recording);
  std::string last = "first.npz";
  for (const char* next : {"a.aedat4", "b.npy", "c.csv", "d.dat", "e.bin", "f.bs2", "g.npz"}) {
    INFO(next);
    CHECK_THAT(run("convert --sensor 20x16x2 " + run.path(last) + " " + run.path(next)),
               Contains("1 recording, 300 events: "));
    last = next;
  }
  const Recording end = read_events(run.folder / last);
  CHECK(end.events == recording.events);
  CHECK(end.sensor == recording.sensor);
}

TEST_CASE("convert turns a file of spike trains into folders and back") {
  const Workplace run;
  run("generate randman --classes 3 --channels 7 --train 9 --test 3 --seed 5 " + run.path("man"));
  CHECK_THAT(run("convert --sensor 7 --to npz " + run.path("man/train.h5") + " " + run.path("out")),
             Contains("9 recordings, 63 events"));
  CHECK(fs::exists(run.folder / "out" / "2" / "00002.npz"));
  run("convert " + run.path("out") + " " + run.path("back.h5"));
  const auto before = open_spike_file("before", run.path("man/train.h5"), {.channels = 7});
  const auto after = open_spike_file("after", run.path("back.h5"), {.channels = 7});
  REQUIRE(after->size() == 9);
  Events a, b;
  std::int64_t same = 0;
  for (std::int64_t i = 0; i < 9; ++i)
    for (std::int64_t k = 0; k < 9; ++k) {
      before->read(i, a), after->read(k, b);
      same += a == b && before->classes()[static_cast<std::size_t>(before->label(i))] ==
                            after->classes()[static_cast<std::size_t>(after->label(k))];
    }
  CHECK(same == 9);
}

TEST_CASE("convert keeps the times of channels to the microsecond, however long they are") {
  const Workplace run;
  Recording recording{.sensor = {.width = 64}, .events = {}};
  for (const std::int64_t t : {0, 70'000'001, 2'000'000'003})
    recording.events.push_back(t, 7, 0, 1);
  write_events(run.folder / "a.npz", recording);
  run("convert " + run.path("a.npz") + " " + run.path("a.h5"));
  Events events;
  open_spike_file("a", run.path("a.h5"))->read(0, events);
  CHECK(events == recording.events);
}

TEST_CASE("convert gives each of several files of spike trains a folder of its own") {
  const Workplace run;
  run("generate randman --classes 2 --channels 7 --train 4 --test 4 " + run.path("man"));
  CHECK_THAT(run("convert --to npz " + run.path("man") + " " + run.path("out")),
             Contains("8 recordings, 56 events"));
  for (const char* place : {"train/0/00000.npz", "train/1/00003.npz", "test/1/00001.npz"})
    CHECK(fs::exists(run.folder / "out" / place));
}

TEST_CASE("convert puts recordings in its folder as they lie in theirs, links among them") {
  const Workplace run;
  make_folder(run.folder / "set" / "deep");
  write_events(run.folder / "a.npz", some_pixels());
  fs::create_symlink(run.folder / "a.npz", run.folder / "set" / "deep" / "b.npz");
  run("convert --to dat " + run.path("set/") + " " + run.path("out"));
  CHECK(fs::exists(run.folder / "out" / "deep" / "b.dat"));
  run("convert --to dat " + run.path("a.npz") + " " + run.path("out"));
  CHECK(fs::exists(run.folder / "out" / "a.dat"));
}

TEST_CASE("convert writes no recording over another, and none outside its folder") {
  const Workplace run;
  make_folder(run.folder / "set");
  write_events(run.folder / "set" / "a.npz", some_pixels(1));
  write_events(run.folder / "set" / "a.npy", some_pixels(2));
  CHECK_ERROR(run("convert --to dat " + run.path("set") + " " + run.path("out")),
              ErrorCode::invalid_argument,
              "a.npy and " + run.path("set/a.npz") + " would both become " + run.path("out/a.dat"));
  CHECK_FALSE(fs::exists(run.folder / "out"));
  for (const std::string& name :
       {std::string("../out"), run.path("out"), std::string(".."), std::string("a/b")}) {
    INFO(name);
    {
      SpikeFileWriter writer(run.folder / "a.h5", {name}, {.channels = 7});
      writer.append({}, 0);
      writer.finish();
    }
    CHECK_ERROR(run("convert --to npz " + run.path("a.h5") + " " + run.path("classes")),
                ErrorCode::format, "its class \"" + name + "\" cannot be the name of a folder.");
  }
}

TEST_CASE("what cannot be converted or drawn is refused with what would be right") {
  const Workplace run;
  write_folders(run);
  write_events(run.folder / "a.npz", some_pixels());
  const auto refuses = [&](const std::string& arguments, ErrorCode code, const char* text) {
    INFO(arguments);
    CHECK_ERROR(run(arguments), code, text);
  };
  const auto invalid = ErrorCode::invalid_argument;
  refuses("convert " + run.path("set") + " " + run.path("out"), invalid,
          "name its format with --to");
  refuses("convert " + run.path("a.npz") + " " + run.path("b.h5"), invalid,
          "the layout of SHD holds channels; this is a sensor of 20x16x2 pixels.");
  refuses("convert " + run.path("a.npz") + " " + run.path("b.xyz"), invalid, "b.xyz");
  const std::string before = test::file_text(run.folder / "a.npz");
  refuses("convert " + run.path("a.npz") + " " + run.path("set/../a.npz") + " --to aedat4", invalid,
          "a.npz: it would be written over itself; name another output.");
  CHECK(test::file_text(run.folder / "a.npz") == before);
  refuses("convert " + run.path("set") + " " + run.path("set") + " --to npz", invalid,
          "set: it would be written over itself");
  refuses("plot " + run.path("a.npz") + " " + run.path("b.gif"), invalid,
          "b.gif: a plot must be .svg or .png.");
  refuses("info " + run.path("nowhere"), ErrorCode::io,
          "nowhere: there is no such file or folder.");
  refuses("info --sensor 3y4 " + run.path("a.npz"), invalid,
          "--sensor must be like 34x34x2, 128x128 or 700; got '3y4'.");
  refuses("info --format evt9 " + run.path("a.npz"), invalid, "there is no format \"evt9\"");
  refuses("head --sample -2 " + run.path("set"), invalid, "--sample must be in [0, 6); got -2.");
  for (const char* sample : {"6", "-1"})
    refuses("info --sample " + std::string(sample) + " " + run.path("set"), invalid,
            "--sample must be in [0, 6); got ");
  run("generate randman --classes 2 --train 2 --test 2 " + run.path("man"));
  refuses("info --sensor 100x1x2 " + run.path("man/test.h5"), invalid,
          "test.h5: --sensor must be a number of channels for spike trains; got 100x1x2.");
  refuses("info --time-order up " + run.path("a.npz"), invalid,
          "--time-order must be sort or reject; got 'up'.");
  make_folder(run.folder / "empty");
  refuses("info " + run.path("empty"), ErrorCode::format,
          "empty: none of its files has the extension of a format of events.");
  for (const char* wrong : {"--width -1", "--duration -1", "--duration nan"})
    refuses("cache randman --data-dir x " + std::string(wrong), invalid,
            "--width and --duration must be >= 0; got ");
  refuses("generate images --count -1 a b " + run.path("out"), invalid,
          "--count must be >= 0; got -1.");
  refuses("cache tidigits --data-dir x", invalid, "the data set must be one of shd, ssc, fsdd, ");
}

TEST_CASE("plot and cache leave their files") {
  const Workplace run;
  write_folders(run);
  run("plot " + run.path("set") + " " + run.path("a.svg") + " --sample 2 --frames 3");
  CHECK_THAT(test::file_text(run.folder / "a.svg"), Contains("2.npz: 300 events, 20x16x2"));
  run("plot " + run.path("set") + " " + run.path("a.png"));
  CHECK(fs::file_size(run.folder / "a.png") > 200);
  run("generate randman --classes 2 --train 8 --test 2 " + run.path("man"));
  const std::string text = run("cache randman --data-dir " + run.path("man") + " --width 25 " +
                               "--cache-dir " + run.path("kept"));
  CHECK_THAT(text, Contains("8 recordings, 400 events of 25"));
  CHECK_FALSE(fs::is_empty(run.folder / "kept"));
}

TEST_CASE("the names of sensors are read") {
  CHECK(parse_sensor("34x30x1") == Sensor{34, 30, 1});
  CHECK(parse_sensor("34x30") == Sensor{34, 30, 2});
  CHECK(parse_sensor("700") == Sensor{700, 1, 1});
  for (const char* wrong : {"", "x", "34x", "0", "-3", "40000", "3x4x5", "3x4x2x1", "7 "})
    CHECK_ERROR(parse_sensor(wrong), ErrorCode::invalid_argument, "--sensor must be like");
}

}  // namespace ranvier::apps
