// Trains snnTorch's fully connected tutorial network on MNIST, with snnTorch's neuron: 784-1000-10
// Leaky neurons, 25 steps, cross entropy of the spike counts.
#include <CLI/CLI.hpp>

#include "apps/support/run_program.h"
#include "apps/tasks/image_samples.h"
#include "apps/training/train.h"
#include "ranvier/layers/networks.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/reduce/sum.h"

namespace {

using namespace ranvier;
using namespace ranvier::apps;

Task mnist(const TrainOptions& o) {
  const auto part = [&](Split split) {
    return load_mnist({.split = split, .directory = o.data_dir});
  };
  const ImageDataset train = part(Split::train);
  return {.program = "ranvier-mnist",
          .network = leaky_mlp({.steps = o.steps,
                                .inputs = train.image_shape().numel(),
                                .hidden = o.channels,
                                .classes = static_cast<std::int64_t>(train.classes().size())}),
          .scores = [](const Tensor& spikes, const Tensor&) { return sum(spikes, {0}); },
          .score_name = "spike count",
          .loss = [](const Tensor& counts,
                     const Tensor& labels) { return cross_entropy(counts, labels); },
          .train = training_images(train, o),
          .test = test_images(part(Split::test), o)};
}

}  // namespace

int main(int argc, char** argv) {
  TrainOptions options{.epochs = 3,
                       .steps = 25,
                       .channels = 1000,
                       .lr = 1e-3,
                       .optimizer = "adam",
                       .scheduler = "constant",
                       .output_dir = "runs/mnist"};
  CLI::App app("Trains a spiking fully connected network on MNIST.", "ranvier-mnist");
  add_train_options(app, options, {.channels_help = "Neurons of the hidden layer"});
  return run_program(app, argc, argv,
                     [&] { return train(options, [&](const Ranks&) { return mnist(options); }); });
}
