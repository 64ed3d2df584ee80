#include "apps/training/training_report.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>

#include "apps/drawing/event_picture.h"
#include "ranvier/distributed/time_relay.h"
#include "ranvier/layers/recurrent.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/sequence/lengths.h"
#include "ranvier/ops/shape/shape_ops.h"

namespace ranvier::apps {
namespace {

constexpr std::int64_t rate_samples = 256;
constexpr std::int64_t raster_neurons = 64;
constexpr std::int64_t raster_channels = 128;

/// The spikes of one neuron layer for a batch, or some of them: f32 [T, B, ...].
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

/// A trained network and the ranks that compute it together, each with its own steps.
struct Trained {
  Task& task;
  TrainStep& step;
  const Group& time_row;
};

/// Runs the network layer by layer on its device and keeps what is left of the spikes of its
/// neurons, on the CPU, when `reduce` has made fewer of them: [t, B, ...] -> [t, B, ...].
Recorded record(const Trained& of, const Tensor& inputs,
                const std::function<Tensor(const Tensor& spikes)>& reduce) {
  Sequential& network = of.task.network;
  Recorded recorded;
  const ObserverScope observing(network, [&](const Observation& seen) {
    const Neuron* neurons = neurons_of(seen.module);
    recorded.output_spikes = neurons != nullptr && neurons->spiking();
    if (recorded.output_spikes)
      recorded.layers.push_back({seen.name, neurons->name(), reduce(seen.output.to(cpu_device))});
  });
  set_training(network, false);
  const Device device = parameters(network).front().tensor.device();
  recorded.output = of.step.evaluate(inputs.to(device)).to(cpu_device);
  for (LayerSpikes& layer : recorded.layers)
    layer.spikes = gather_steps(of.time_row, layer.spikes, recorded.output.size(0));
  return recorded;
}

/// Of x [t, B, ...] at most `most` neurons at even distances: [t, B, n].
Tensor some_neurons(const Tensor& x, std::int64_t most) {
  const std::int64_t rows = x.size(0) * x.size(1), neurons = x.numel() / rows;
  const std::int64_t kept = std::min(neurons, most);
  Tensor some = empty({x.size(0), x.size(1), kept});
  const float* from = x.data<float>();
  float* to = some.mutable_data<float>();
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t i = 0; i < kept; ++i) *to++ = from[row * neurons + i * neurons / kept];
  return some;
}

/// Steps of sample `b` that are not padding, of `steps`.
std::int64_t valid_steps(const TrainingBatch& batch, std::int64_t b, std::int64_t steps) {
  return batch.lengths.defined() ? std::min(steps, batch.lengths.data<std::int64_t>()[b]) : steps;
}

std::vector<LayerActivity> activity(const Trained& of) {
  const TrainingBatch batch = first_samples(*of.task.test, rate_samples);
  const auto mean_of_neurons = [](const Tensor& spikes) { return mean(flatten(spikes, 2), {2}); };
  std::vector<LayerActivity> layers;
  for (const LayerSpikes& layer : record(of, batch.inputs, mean_of_neurons).layers)
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

/// The frame of recording `b` of f32 [B, H, W, P].
void show_frame(const Tensor& frames, std::int64_t b, ReportExample& example) {
  const std::int64_t polarities = frames.size(3);
  example.height = frames.size(1), example.width = frames.size(2), example.channels = 3;
  const std::int64_t size = example.height * example.width * polarities;
  const float* frame = frames.data<float>() + b * size;
  example.image = event_picture({frame, frame + size}, polarities);
}

/// What is shown of the inputs: images, the frames of all `steps` added up, or the spikes of some
/// channels at all steps.
Tensor shown_inputs(const Trained& of, const TrainingBatch& batch, std::int64_t steps) {
  if (!batch.lengths.defined()) return batch.inputs;
  if (batch.inputs.rank() < 5)
    return gather_steps(of.time_row, some_neurons(batch.inputs, raster_channels), steps);
  Tensor sums = sum(batch.inputs, {0});
  all_reduce(of.time_row, sums);
  return sums;
}

/// Adds what recording or image `b` of `inputs`, the `shown_inputs` of `batch`, looks like.
void show_input(const TrainingBatch& batch, const Tensor& inputs, std::int64_t b,
                ReportExample& example) {
  if (!batch.lengths.defined()) return show_image(inputs, b, example);
  if (inputs.rank() == 4) return show_frame(inputs, b, example);
  const LayerSpikes channels{"input", "", inputs};
  example.hidden.push_back(
      raster(channels, b, valid_steps(batch, b, channels.steps()), raster_channels));
}

ReportExample example_of(const TrainingBatch& batch, const Tensor& inputs, std::int64_t b,
                         const Recorded& recorded, const Tensor& scores) {
  const std::vector<double> all = to_vector(scores);
  const std::int64_t classes = scores.size(1);
  ReportExample example{.true_class = batch.labels.data<std::int64_t>()[b],
                        .scores = {all.begin() + b * classes, all.begin() + (b + 1) * classes}};
  const auto best = std::max_element(example.scores.begin(), example.scores.end());
  example.predicted_class = best - example.scores.begin();
  show_input(batch, inputs, b, example);
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

void write_training_report(const std::filesystem::path& path, Report report, Task& task,
                           TrainStep& step, const Ranks& ranks) {
  const Trained trained{task, step, ranks.mesh().time_row()};
  report.classes = task.test->classes();
  report.score_name = task.score_name;
  report.layers = activity(trained);
  const std::vector<std::int64_t> samples = one_of_each_class(*task.test);
  const TrainingBatch batch = task.test->fetch(samples);
  const std::int64_t most = std::max<std::int64_t>(raster_neurons, std::ssize(report.classes));
  const Recorded recorded = record(
      trained, batch.inputs, [=](const Tensor& spikes) { return some_neurons(spikes, most); });
  const Tensor inputs = shown_inputs(trained, batch, recorded.output.size(0));
  const Tensor scores = task.scores(recorded.output, batch.lengths);
  for (std::int64_t b = 0; b < batch.size(); ++b)
    report.examples.push_back(example_of(batch, inputs, b, recorded, scores));
  if (ranks.leads()) write_report(path, report);
}

}  // namespace ranvier::apps
