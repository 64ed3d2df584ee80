// Trains spiking networks on spike trains of channels: SHD, SSC, FSDD-spikes, or generated ones.
#include <CLI/CLI.hpp>

#include "apps/support/run_program.h"
#include "apps/tasks/spike_train_task.h"
#include "apps/training/train.h"

int main(int argc, char** argv) {
  using namespace ranvier::apps;
  SpikeTrainOptions options = spike_train_defaults();
  CLI::App app("Trains a spiking network on spoken words, or other spike trains of channels.",
               "ranvier-shd");
  add_spike_train_options(app, options);
  return run_program(app, argc, argv, [&] {
    options = completed(options);
    return train(options.train, [&](const Ranks& ranks) {
      return spike_train_task(options, ranks.steps(options.train.steps));
    });
  });
}
