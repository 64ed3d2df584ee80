#include "apps/support/training_report.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "apps/support/event_picture.h"
#include "ranvier/core/tape.h"
#include "ranvier/layers/recurrent.h"
#include "ranvier/ops/sequence/lengths.h"

namespace ranvier::apps {
namespace {

constexpr std::int64_t rate_samples = 256;
constexpr std::int64_t raster_neurons = 64;
constexpr std::int64_t raster_channels = 128;

/// The spikes of one neuron layer for a batch: f32 [T, B, ...].
struct LayerSpikes {
  std::string name;
  std::string model;  // of its neurons: "lif"
  Tensor spikes;

  std::int64_t steps() const { return spikes.size(0); }
  std::int64_t batch() const { return spikes.size(1); }
  std::int64_t neurons() const { return spikes.numel() / (steps() * batch()); }
  const float* at(std::int64_t t, std::int64_t b) const {
    return spikes.data<float>() + (t * batch() + b) * neurons();
  }
};

/// What a network does with a batch.
struct Recorded {
  std::vector<LayerSpikes> layers;
  bool output_spikes = false;  // then the last layer is the output
  Tensor output;
};

/// Runs `network` layer by layer on its device and keeps what its neurons fire, on the CPU.
Recorded record(Sequential& network, const Tensor& inputs) {
  Recorded recorded;
  network.observe([&](const Observation& seen) {
    const Neuron* neurons = neurons_of(seen.module);
    recorded.output_spikes = neurons != nullptr && neurons->spiking();
    if (recorded.output_spikes)
      recorded.layers.push_back({seen.name, neurons->name(), seen.output.to(cpu_device)});
  });
  const NoGradGuard no_grad;
  set_training(network, false);
  recorded.output = network(inputs.to(parameters(network).front().tensor.device())).to(cpu_device);
  network.observe({});
  return recorded;
}

/// Steps of sample `b` that are not padding, of `steps`.
std::int64_t valid_steps(const TrainingBatch& batch, std::int64_t b, std::int64_t steps) {
  return batch.lengths.defined() ? std::min(steps, batch.lengths.data<std::int64_t>()[b]) : steps;
}

std::vector<LayerActivity> activity(Task& task) {
  const TrainingBatch batch = first_samples(*task.test, rate_samples);
  std::vector<LayerActivity> layers;
  for (const LayerSpikes& layer : record(task.network, batch.inputs).layers)
    layers.push_back({.name = layer.name,
                      .kind = layer.model,
                      .firing_rate = firing_rate(layer.spikes, batch.lengths)});
  return layers;
}

/// The first test sample of each class that has one.
std::vector<std::int64_t> one_of_each_class(const Samples& test) {
  std::vector<std::int64_t> first(test.classes().size(), -1);
  for (std::int64_t i = test.size() - 1; i >= 0; --i)
    first[static_cast<std::size_t>(test.label(i))] = i;
  std::erase(first, -1);
  return first;
}

/// The first `steps` of sample `b` of `layer`, at most `most` neurons at even distances.
SpikeRaster raster(const LayerSpikes& layer, std::int64_t b, std::int64_t steps,
                   std::int64_t most) {
  const std::int64_t neurons = layer.neurons();
  SpikeRaster r{
      .name = layer.name, .steps = steps, .neurons = std::min(neurons, most), .spikes = {}};
  for (std::int64_t t = 0; t < steps; ++t)
    for (std::int64_t i = 0; i < r.neurons; ++i)
      r.spikes.push_back(layer.at(t, b)[i * neurons / r.neurons] != 0);
  return r;
}

std::uint8_t to_byte(float share) {
  return static_cast<std::uint8_t>(std::lround(255 * std::clamp(share, 0.0f, 1.0f)));
}

/// Image `b` of f32 [B, H, W, C] in [0, 1].
void show_image(const Tensor& images, std::int64_t b, ReportExample& example) {
  example.height = images.size(1), example.width = images.size(2),
  example.channels = images.size(3);
  const std::int64_t pixels = example.height * example.width * example.channels;
  const float* from = images.data<float>() + b * pixels;
  std::transform(from, from + pixels, std::back_inserter(example.image), to_byte);
}

/// The frames of recording `b` of f32 [T, B, H, W, P], added up.
void show_frames(const Tensor& frames, std::int64_t b, ReportExample& example) {
  const std::int64_t batch = frames.size(1), polarities = frames.size(4);
  example.height = frames.size(2), example.width = frames.size(3), example.channels = 3;
  const std::int64_t frame_size = example.height * example.width * polarities;
  std::vector<float> counts(static_cast<std::size_t>(frame_size));
  for (std::int64_t t = 0; t < frames.size(0); ++t) {
    const float* frame = frames.data<float>() + (t * batch + b) * frame_size;
    std::transform(counts.begin(), counts.end(), frame, counts.begin(), std::plus());
  }
  example.image = event_picture(counts, polarities);
}

/// Adds what recording or image `b` looks like.
void show_input(const TrainingBatch& batch, std::int64_t b, ReportExample& example) {
  const Tensor& inputs = batch.inputs;
  if (!batch.lengths.defined()) return show_image(inputs, b, example);
  if (inputs.rank() == 5) return show_frames(inputs, b, example);
  const LayerSpikes channels{"input", "", inputs};
  example.hidden.push_back(
      raster(channels, b, valid_steps(batch, b, channels.steps()), raster_channels));
}

ReportExample example_of(const TrainingBatch& batch, std::int64_t b, const Recorded& recorded,
                         const Tensor& scores) {
  const std::vector<double> all = to_vector(scores);
  const std::int64_t classes = scores.size(1);
  ReportExample example{.true_class = batch.labels.data<std::int64_t>()[b],
                        .scores = {all.begin() + b * classes, all.begin() + (b + 1) * classes}};
  const auto best = std::max_element(example.scores.begin(), example.scores.end());
  example.predicted_class = best - example.scores.begin();
  show_input(batch, b, example);
  for (const LayerSpikes& layer : recorded.layers) {
    const bool output = recorded.output_spikes && &layer == &recorded.layers.back();
    const std::int64_t steps = valid_steps(batch, b, layer.steps());
    if (output)
      example.output = raster(layer, b, steps, classes);
    else
      example.hidden.push_back(raster(layer, b, steps, raster_neurons));
  }
  return example;
}

}  // namespace

void write_training_report(const std::filesystem::path& path, Report report, Task& task) {
  report.classes = task.test->classes();
  report.score_name = task.score_name;
  report.layers = activity(task);
  const std::vector<std::int64_t> samples = one_of_each_class(*task.test);
  const TrainingBatch batch = task.test->fetch(samples);
  const Recorded recorded = record(task.network, batch.inputs);
  const Tensor scores = task.scores(recorded.output, batch.lengths);
  for (std::int64_t b = 0; b < batch.size(); ++b)
    report.examples.push_back(example_of(batch, b, recorded, scores));
  write_report(path, report);
}

}  // namespace ranvier::apps
