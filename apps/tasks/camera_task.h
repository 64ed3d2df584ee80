// What ranvier-events trains: a convolutional network on recordings of event cameras.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "apps/tasks/event_feeds.h"
#include "apps/tasks/task.h"
#include "apps/tasks/train_options.h"

namespace CLI {
class App;
}

namespace ranvier::apps {

struct CameraOptions {
  TrainOptions train{};
  EventFeedOptions feed{};
  std::string dataset = "nmnist";
  std::int64_t size = 0;    ///< pixels of a side after downsampling; 0: as recorded
  std::int64_t blocks = 3;  ///< of the network
  double tau = 2;           ///< of its neurons, in steps
  double dropout = 0.2;
};

/// The program's defaults.
CameraOptions camera_defaults();

void add_camera_options(CLI::App& app, CameraOptions& options);

/// `part`: of the steps, those that this rank computes. Errors: options out of range; those of the
/// data set and of the network.
Task camera_task(const CameraOptions& options, const std::optional<Slice>& part = {});

}  // namespace ranvier::apps
