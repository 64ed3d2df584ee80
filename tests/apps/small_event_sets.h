// Small data sets of events for trainers, and options that train on them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "apps/tasks/camera_task.h"
#include "apps/tasks/spike_train_task.h"
#include "ranvier/data/event_sets/spike_file_writer.h"
#include "ranvier/data/transforms/random_stream.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {

/// Two classes of spike trains, of 20 to 50 ms: low channels first, or high channels first.
inline void write_trains(const std::filesystem::path& path, std::int64_t count,
                         std::uint64_t seed) {
  SpikeFileWriter writer(path, {"up", "down"}, {.channels = 700});
  for (std::int64_t sample = 0; sample < count; ++sample) {
    RandomStream random({.seed = seed}, sample);
    const std::int64_t label = sample % 2, duration = 20'000 + random.below(30'000);
    Events events;
    for (std::int64_t i = 0; i < 200; ++i) {
      const std::int64_t channel = (label == 0 ? i : 199 - i) * 3 + random.below(20);
      events.push_back(duration * i / 200, static_cast<std::int16_t>(channel), 0, 1);
    }
    // Far behind all others: a test looks for this time, 12.25 s, in the bytes of the file.
    if (sample == 47) events.push_back(12'250'000, 0, 0, 1);
    writer.append(events, label);
  }
  writer.finish();
}

/// What a camera of 34 x 34 pixels sees, of 20 to 50 ms, as a file of N-MNIST: dots that wander to
/// the right for even labels and downwards for odd ones.
inline void write_digit(const std::filesystem::path& path, std::int64_t label, std::uint64_t seed) {
  RandomStream random({.seed = seed}, label);
  const std::int64_t duration = 20'000 + random.below(30'000);
  Bytes bytes;
  for (std::int64_t i = 0; i < 300; ++i) {
    const std::int64_t t = duration * i / 300, along = i * 30 / 300 + random.below(4);
    const std::int64_t across = random.below(34), on = random.below(2);
    const bool right = label % 2 == 0;
    for (const std::int64_t byte :
         {right ? along : across, right ? across : along, on << 7 | t >> 16, t >> 8 & 255, t & 255})
      bytes.push_back(static_cast<std::uint8_t>(byte));
  }
  std::filesystem::create_directories(path.parent_path());
  write_file(path, bytes);
}

/// A folder with files of `write_trains`, and options that train on it.
struct SmallTrains {
  TemporaryFolder folder;
  SmallTrains() { write(folder.path()); }

  static void write(const std::filesystem::path& folder) {
    write_trains(folder / "train.h5", 48, 1);
    write_trains(folder / "test.h5", 16, 2);
  }
  apps::SpikeTrainOptions options(const std::string& run, const std::string& feed = "file") const {
    apps::SpikeTrainOptions o = apps::spike_train_defaults();
    o.train.data_dir = folder.path();
    o.train.output_dir = folder / run;
    o.train.epochs = 4;
    o.train.batch_size = 8;
    o.train.channels = 20;
    o.train.deterministic = true;
    o.feed = {.feed = feed, .cache_dir = folder / "cache"};
    o.dataset = "fsdd";
    o.time_step = 2;
    o.duration = 40;
    o.hidden = 12;
    o.layers = 1;
    o.tau = 10;
    o.input_gain = 3;
    o.channel_shift = 0, o.time_skew = 0, o.drop = 0;
    return o;
  }
};

/// A folder with files of `write_digit`, and options that train on it.
struct SmallDigits {
  TemporaryFolder folder;
  SmallDigits() { write(folder.path()); }

  static void write(const std::filesystem::path& folder) {
    for (std::int64_t i = 0; i < 20; ++i)
      for (const char* split : {"Train", "Test"}) {
        const std::string label = std::to_string(i % 10), number = std::to_string(10'000 + i);
        write_digit(folder / split / label / (number + ".bin"), i % 10,
                    static_cast<std::uint64_t>(split[1] + i));
      }
  }
  apps::CameraOptions options(const std::string& run, const std::string& feed = "file") const {
    apps::CameraOptions o = apps::camera_defaults();
    o.train.data_dir = folder.path();
    o.train.output_dir = folder / run;
    o.train.epochs = 2;
    o.train.batch_size = 6;
    o.train.steps = 7;
    o.train.channels = 4;
    o.train.bn_mode = "step";
    o.train.deterministic = true;
    o.feed = {.feed = feed, .cache_dir = folder / "cache"};
    o.size = 17;
    o.blocks = 2;
    o.dropout = 0.1;
    return o;
  }
};

}  // namespace ranvier::test
