// Trains SpikingJelly's convolutional tutorial network on Fashion-MNIST (its conv_fashion_mnist
// example): 93.46 % after 64 epochs there.
#include <CLI/CLI.hpp>

#include "apps/support/run_program.h"
#include "apps/tasks/image_samples.h"
#include "apps/training/train.h"
#include "ranvier/layers/networks.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/loss/one_hot.h"
#include "ranvier/ops/reduce/sum.h"

namespace {

using namespace ranvier;
using namespace ranvier::apps;

Task fashion_mnist(const TrainOptions& o) {
  const auto part = [&](Split split) {
    return load_fashion_mnist({.split = split, .directory = o.data_dir});
  };
  const ImageDataset train = part(Split::train);
  const auto classes = static_cast<std::int64_t>(train.classes().size());
  return {.program = "ranvier-fashion-mnist",
          .network = csnn({.steps = o.steps,
                           .channels = o.channels,
                           .classes = classes,
                           .image = train.image_shape()}),
          // The firing rate of each output neuron, pulled towards 1 for its class and 0 otherwise.
          .scores = [](const Tensor& spikes, const Tensor&) { return mean(spikes, {0}); },
          .score_name = "firing rate",
          .loss = [=](const Tensor& rates,
                      const Tensor& labels) { return mse_loss(rates, one_hot(labels, classes)); },
          .train = training_images(train, o),
          .test = test_images(part(Split::test), o)};
}

}  // namespace

int main(int argc, char** argv) {
  TrainOptions options{.epochs = 64, .output_dir = "runs/fashion-mnist"};
  CLI::App app("Trains a spiking convolutional network on Fashion-MNIST.", "ranvier-fashion-mnist");
  add_train_options(app, options, {.channels_help = "Channels of both convolutions"});
  return run_program(app, argc, argv, [&] {
    return train(options, [&](const Ranks&) { return fashion_mnist(options); });
  });
}
