#include "apps/tasks/camera_task.h"

#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include "apps/tasks/event_parts.h"
#include "apps/tasks/event_sets.h"
#include "ranvier/data/transforms/flip.h"
#include "ranvier/data/transforms/shift.h"
#include "ranvier/layers/event_networks.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/sequence/readout.h"

namespace ranvier::apps {
namespace {

void check(const CameraOptions& o) {
  RV_CHECK(o.dataset == "nmnist" || o.dataset == "dvs128gesture" || o.dataset == "cifar10dvs",
           "--dataset must be nmnist, dvs128gesture or cifar10dvs; got '{}'.", o.dataset);
  RV_CHECK(o.size >= 0, "--size must be >= 0; got {}.", o.size);
  RV_CHECK(o.blocks >= 1 && o.blocks <= 6, "--blocks must be in [1, 6]; got {}.", o.blocks);
}

/// Twice the channels in each block.
std::vector<std::int64_t> channels(const CameraOptions& o) {
  std::vector<std::int64_t> all;
  for (std::int64_t i = 0; i < o.blocks; ++i) all.push_back(o.train.channels << i);
  return all;
}

EventTransform variations(const TrainOptions& o) {
  EventTransform varied;
  if (o.shift) varied = varied | RandomShift{.x = 2, .y = 2};
  if (o.flip) varied = varied | RandomFlipLR{};
  return varied;
}

}  // namespace

CameraOptions camera_defaults() {
  return {.train = {.epochs = 15,
                    .batch_size = 32,
                    .steps = 10,
                    .channels = 16,
                    .lr = 5e-3,
                    .optimizer = "adamw",
                    .weight_decay = 0.01,
                    .output_dir = "runs/events"}};
}

void add_camera_options(CLI::App& app, CameraOptions& o) {
  add_train_options(app, o.train,
                    {.channels_help = "Channels of the first block, doubled in each",
                     .samples = "recordings",
                     .data_dir_help = "Folder of the data set",
                     .steps_help = "Equally long time bins of each recording",
                     .shift_help = "Shift training recordings by up to 2 pixels",
                     .flip_help = "Mirror every second training recording"});
  add_event_feed_options(app, o.feed);
  const auto add = [&](const char* name, auto& value, const char* group, const char* help) {
    app.add_option(name, value, help)->capture_default_str()->group(group);
  };
  add("--dataset", o.dataset, "Data", "nmnist, dvs128gesture or cifar10dvs");
  add("--size", o.size, "Data", "Join pixels to so many a side; 0: as recorded");
  add("--blocks", o.blocks, "Network", "Convolution blocks; each halves height and width");
  add("--tau", o.tau, "Network", "Time constant of the neurons in steps");
  add("--dropout", o.dropout, "Network", "Share of features left out before the last layer");
}

Task camera_task(const CameraOptions& o, const std::optional<Slice>& part) {
  check(o);
  const Device device = parse_device(o.train.device);
  const EventParts parts = open_event_parts(o.dataset, o.train, o.feed);
  const EventPipeline pipeline{
      .fixed = preparation(parts.train->sensor(), o.size, 0), .steps = o.train.steps, .part = part};
  EventPipeline training = pipeline;
  training.varied = variations(o.train);
  return {
      .program = "ranvier-events",
      .network = event_cnn({.frame = pipeline.fixed.sensor_after(parts.train->sensor()).frame(),
                            .channels = channels(o),
                            .classes = static_cast<std::int64_t>(parts.train->classes().size()),
                            .neuron = LIFOptions{.tau = o.tau, .detach_reset = true},
                            .dropout = o.dropout}),
      .scores = [](const Tensor& membrane,
                   const Tensor& lengths) { return read_out(Readout::mean, membrane, lengths); },
      .score_name = "mean membrane",
      .loss = [](const Tensor& scores,
                 const Tensor& labels) { return cross_entropy(scores, labels); },
      .train = fed_recordings(parts.train, training, o.feed, device),
      .test = fed_recordings(parts.test, pipeline, o.feed, device),
      .names = {.many = "recordings", .brief = "rec"},
      .recipe = {{"dataset", o.dataset},
                 {"validation", fmt::format("{}", o.feed.validation)},
                 {"size", fmt::format("{}", o.size)},
                 {"blocks", fmt::format("{}", o.blocks)},
                 {"tau", fmt::format("{}", o.tau)},
                 {"dropout", fmt::format("{}", o.dropout)}},
      .data_seconds = true};
}

}  // namespace ranvier::apps
