// Trains a spiking convolutional network on recordings of event cameras.
#include <CLI/CLI.hpp>

#include "apps/support/run_program.h"
#include "apps/tasks/camera_task.h"
#include "apps/training/train.h"

int main(int argc, char** argv) {
  using namespace ranvier::apps;
  CameraOptions options = camera_defaults();
  CLI::App app("Trains a spiking convolutional network on recordings of event cameras.",
               "ranvier-events");
  add_camera_options(app, options);
  return run_program(app, argc, argv, [&] {
    return train(options.train, [&](const Ranks& ranks) {
      return camera_task(options, ranks.steps(options.train.steps));
    });
  });
}
