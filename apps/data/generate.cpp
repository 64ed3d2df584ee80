// ranvier-data generate: data sets of events that need no download.
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <memory>

#include "apps/data/commands.h"
#include "apps/support/progress.h"
#include "apps/support/text.h"
#include "ranvier/core/error.h"
#include "ranvier/data/generate/image_encoding.h"
#include "ranvier/data/generate/randman.h"
#include "ranvier/data/image_dataset.h"

namespace ranvier::apps {
namespace {

namespace fs = std::filesystem;

struct RandmanCommand {
  fs::path out{};
  RandmanOptions set{};
  double duration = static_cast<double>(RandmanOptions{}.duration) / 1000;  // milliseconds
};

int generate_randman(const RandmanCommand& o) {
  RandmanOptions set = o.set;
  set.duration = std::llround(1000 * o.duration);
  write_randman(o.out, set);
  fmt::print("{} recordings to train, {} to test: {}\n", grouped(set.train), grouped(set.test),
             o.out.string());
  return 0;
}

struct ImagesCommand {
  fs::path images{}, labels{}, out{};
  std::string encoding = "saccades", to = "npz";
  std::int64_t first = 0;
  double rate = RateEncoding{}.max_rate;
  double duration = static_cast<double>(RateEncoding{}.duration) / 1000;  // milliseconds
  std::uint64_t seed = 0;
};

Recording encoded(const ImagesCommand& o, const Tensor& image, std::int64_t index) {
  const std::int64_t duration = std::llround(1000 * o.duration);
  if (o.encoding == "rate") {
    RandomStream random({.seed = o.seed}, index);
    return encode(image, RateEncoding{.max_rate = o.rate, .duration = duration}, random);
  }
  if (o.encoding == "latency") return encode(image, LatencyEncoding{.duration = duration});
  return encode(image, SaccadeEncoding{.saccade = duration});
}

int generate_images(const ImagesCommand& o) {
  RV_CHECK(o.encoding == "rate" || o.encoding == "latency" || o.encoding == "saccades",
           "--encoding must be rate, latency or saccades; got '{}'.", o.encoding);
  RV_CHECK(o.first >= 0, "--count must be >= 0; got {}.", o.first);
  const EventFormat& format = event_format(o.to);
  std::vector<std::string> classes;
  for (int i = 0; i < 256; ++i) classes.push_back(fmt::format("{}", i));
  const ImageDataset set = load_idx_images("images", o.images, o.labels, classes);
  const std::int64_t count = o.first == 0 ? set.size() : std::min(o.first, set.size());
  Progress progress("encoding", count, {.unit = "img", .out = stderr});
  std::int64_t events = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const Shape shape = set.image_shape();
    const Tensor image(set.images().storage(), set.images().storage_offset() + i * shape.numel(),
                       shape, DType::u8);
    const Recording recording = encoded(o, image, i);
    const std::int64_t label = set.labels().data<std::int64_t>()[i];
    const fs::path folder = o.out / classes[static_cast<std::size_t>(label)];
    make_folder(folder);
    write_events(folder / fmt::format("{:05}{}", i, format.extension), recording, o.to);
    events += recording.events.size();
    progress.update(i + 1);
  }
  progress.finish();
  fmt::print("{} recordings, {} events: {}\n", grouped(count), grouped(events), o.out.string());
  return 0;
}

void add_randman(CLI::App& app, Chosen& chosen) {
  const auto o = std::make_shared<RandmanCommand>();
  CLI::App* command =
      app.add_subcommand("randman", "Random manifolds: classes told by spike times");
  command->add_option("out", o->out, "Folder for train.h5 and test.h5")->required();
  const auto add = [&](const char* name, auto& value, const char* help) {
    command->add_option(name, value, help)->capture_default_str();
  };
  add("--classes", o->set.classes, "Classes");
  add("--channels", o->set.channels, "Channels, each with one spike");
  add("--dimension", o->set.dimension, "Dimension of the manifolds");
  add("--smoothness", o->set.smoothness, "1: rough; 3: smooth");
  add("--duration", o->duration, "Length of a recording in ms");
  add("--train", o->set.train, "Recordings to train");
  add("--test", o->set.test, "Recordings to test");
  add("--seed", o->set.seed, "Seed");
  command->callback([&chosen, o] { chosen = [o] { return generate_randman(*o); }; });
}

void add_images(CLI::App& app, Chosen& chosen) {
  const auto o = std::make_shared<ImagesCommand>();
  CLI::App* command = app.add_subcommand("images", "Images as events, a folder for each class");
  command->add_option("images", o->images, "IDX file of images [N, H, W]")->required();
  command->add_option("labels", o->labels, "IDX file of their labels [N]")->required();
  command->add_option("out", o->out, "Folder")->required();
  const auto add = [&](const char* name, auto& value, const char* help) {
    command->add_option(name, value, help)->capture_default_str();
  };
  add("--encoding", o->encoding, "rate, latency, or saccades of a camera");
  add("--to", o->to, "Format of the output");
  add("--count", o->first, "Take the first N images; 0: all");
  add("--max-rate", o->rate, "rate: events per second of a white pixel");
  add("--duration", o->duration, "Length in ms; of each of three saccades");
  add("--seed", o->seed, "rate: seed");
  command->callback([&chosen, o] { chosen = [o] { return generate_images(*o); }; });
}

}  // namespace

void add_generate_command(CLI::App& app, Chosen& chosen) {
  CLI::App* command = app.add_subcommand("generate", "Make data sets of events");
  command->require_subcommand(1);
  add_randman(*command, chosen);
  add_images(*command, chosen);
}

}  // namespace ranvier::apps
