// What ranvier-shd trains: a network on spike trains of channels.
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

struct SpikeTrainOptions {
  TrainOptions train{};
  EventFeedOptions feed{};
  std::string dataset = "shd";
  double time_step = 0, duration = 0;  ///< milliseconds; 0: those of the data set
  std::string model = "adaptive";      ///< "mlp", "recurrent" or "adaptive"
  std::int64_t hidden = 256, layers = 2;
  double tau = 30, tau_adapt = 100, readout_tau = 20;  ///< milliseconds
  double delays = 0;  ///< milliseconds, the longest learned delay after a hidden layer; 0: none
  double dropout = 0.1;
  double input_gain = 3;     ///< times the weights that the first layer begins with
  std::string readout = "";  ///< "": that of the model and the data set
  /// Variations of training recordings; absent: those of the data set, none for `feed` "device".
  std::optional<std::int64_t> channel_shift{};
  std::optional<double> time_skew{}, time_jitter{};            ///< 1, milliseconds
  std::optional<double> drop{}, drop_time{}, drop_channels{};  ///< parts in [0, 1]
};

/// The program's defaults.
SpikeTrainOptions spike_train_defaults();

void add_spike_train_options(CLI::App& app, SpikeTrainOptions& options);

/// Completes what follows from other options: the number of time steps, where Randman lies (which
/// is generated), what depends on the data set. Errors: options out of range.
SpikeTrainOptions completed(SpikeTrainOptions options);

/// Of `completed` options. `part`: of the steps, those that this rank computes. Errors: those of
/// the data set and of the network.
Task spike_train_task(const SpikeTrainOptions& options, const std::optional<Slice>& part = {});

}  // namespace ranvier::apps
