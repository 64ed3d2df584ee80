#include "apps/support/training_report.h"

#include <algorithm>
#include <numeric>

#include "ranvier/core/tape.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/ops/reduce/sum.h"

namespace ranvier::apps {
namespace {

constexpr std::int64_t rate_images = 256;
constexpr std::int64_t raster_neurons = 64;

/// The spikes of one neuron layer for a batch: f32 [T, B, ...].
struct LayerSpikes {
  std::string name;
  std::string model;  // of its neurons: "lif"
  Tensor spikes;
};

/// Runs `network` layer by layer and keeps what its neurons fire; the last entry is its output.
std::vector<LayerSpikes> record_spikes(Sequential& network, const Tensor& images) {
  std::vector<LayerSpikes> recorded;
  network.observe([&](const Observation& seen) {
    const NeuronLayer* neurons = seen.module.as<NeuronLayer>();
    if (neurons != nullptr && neurons->neuron.spiking())
      recorded.push_back({seen.name, neurons->neuron.name(), seen.output});
  });
  const NoGradGuard no_grad;
  set_training(network, false);
  network(images);
  network.observe({});
  return recorded;
}

ImageBatch fetch(const ImageDataset& dataset, const std::vector<std::int64_t>& samples) {
  ImageBatch batch;
  dataset.fetch(samples, {}, batch);
  return batch;
}

std::vector<LayerActivity> activity(Sequential& network, const ImageDataset& test) {
  std::vector<std::int64_t> samples(static_cast<std::size_t>(std::min(rate_images, test.size())));
  std::iota(samples.begin(), samples.end(), 0);
  std::vector<LayerActivity> layers;
  for (const auto& [name, model, spikes] : record_spikes(network, fetch(test, samples).images))
    layers.push_back({.name = name, .kind = model, .firing_rate = mean(spikes).item()});
  return layers;
}

/// The first test image of each class that has one.
std::vector<std::int64_t> one_of_each_class(const ImageDataset& test) {
  std::vector<std::int64_t> first(test.classes().size(), -1);
  const std::int64_t* label = test.labels().data<std::int64_t>();
  for (std::int64_t i = test.size() - 1; i >= 0; --i) first[static_cast<std::size_t>(label[i])] = i;
  std::erase(first, -1);
  return first;
}

/// Sample `b` of `layer`, at most `most` neurons at even distances.
SpikeRaster raster(const LayerSpikes& layer, std::int64_t b, std::int64_t most) {
  const std::int64_t steps = layer.spikes.size(0), batch = layer.spikes.size(1);
  const std::int64_t neurons = layer.spikes.numel() / (steps * batch);
  SpikeRaster r{
      .name = layer.name, .steps = steps, .neurons = std::min(neurons, most), .spikes = {}};
  const float* spikes = layer.spikes.data<float>();
  for (std::int64_t t = 0; t < steps; ++t)
    for (std::int64_t i = 0; i < r.neurons; ++i) {
      const std::int64_t neuron = i * neurons / r.neurons;
      r.spikes.push_back(spikes[(t * batch + b) * neurons + neuron] != 0);
    }
  return r;
}

ReportExample example_of(const ImageDataset& test, std::int64_t sample, std::int64_t b,
                         const std::vector<LayerSpikes>& layers, const Tensor& scores) {
  const Shape shape = test.image_shape();
  const std::uint8_t* pixels = test.images().data<std::uint8_t>() + sample * shape.numel();
  const std::vector<double> all = to_vector(scores);
  const std::int64_t classes = scores.size(1);
  ReportExample example{.height = shape[0],
                        .width = shape[1],
                        .channels = shape[2],
                        .image = {pixels, pixels + shape.numel()},
                        .true_class = test.labels().data<std::int64_t>()[sample],
                        .scores = {all.begin() + b * classes, all.begin() + (b + 1) * classes}};
  const auto best = std::max_element(example.scores.begin(), example.scores.end());
  example.predicted_class = best - example.scores.begin();
  example.output = raster(layers.back(), b, classes);
  for (std::size_t i = 0; i + 1 < layers.size(); ++i)
    example.hidden.push_back(raster(layers[i], b, raster_neurons));
  return example;
}

}  // namespace

void write_training_report(const std::filesystem::path& path, Report report, Task& task,
                           const ImageDataset& test) {
  report.classes = test.classes();
  report.score_name = task.score_name;
  report.layers = activity(task.network, test);
  const std::vector<std::int64_t> samples = one_of_each_class(test);
  const auto layers = record_spikes(task.network, fetch(test, samples).images);
  const Tensor scores = task.scores(layers.back().spikes);
  for (std::size_t b = 0; b < samples.size(); ++b)
    report.examples.push_back(
        example_of(test, samples[b], static_cast<std::int64_t>(b), layers, scores));
  write_report(path, report);
}

}  // namespace ranvier::apps
