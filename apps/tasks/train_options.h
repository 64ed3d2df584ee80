// The command line that all trainers share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "ranvier/core/dtype.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/ops/norm/batch_norm.h"

namespace CLI {
class App;
}

namespace ranvier::apps {

/// What a trainer is told; each program sets its own defaults before the command line is read.
struct TrainOptions {
  std::string device = "cpu";
  std::filesystem::path data_dir{};
  std::int64_t epochs = 1;
  std::int64_t batch_size = 128;
  std::int64_t accumulate = 1;  ///< parts of a batch
  std::int64_t steps = 4;
  std::int64_t channels = 128;  ///< width of the network, in the program's own sense
  double lr = 0.1;
  std::string optimizer = "sgd";
  double momentum = 0.9;
  double weight_decay = 0;
  std::string scheduler = "cosine";
  std::int64_t warmup = 0;  ///< epochs
  std::uint64_t seed = 0;
  bool deterministic = false;
  std::filesystem::path output_dir{};
  std::optional<std::filesystem::path> resume{};  ///< empty path: the output directory's checkpoint
  int workers = 1;
  std::string amp = "none";
  bool tf32 = false, autotune = false;
  std::string graph = "on";
  bool no_fuse = false;
  std::string pack_spikes = "auto";
  bool eval_only = false;
  int threads = 0;                                   ///< 0: one per core
  std::int64_t train_samples = 0, test_samples = 0;  ///< 0: all
  bool shift = false, flip = false;                  ///< augmentation of training images
  int time_shards = 0, data_shards = 0;              ///< 0: one, and all that remain
  bool speculate = false;
  std::string bn_mode = "sync";
  std::string transport = "auto";
  double patience = 20;  ///< seconds
};

/// What options mean in a program.
struct TrainerNames {
  std::string channels_help;       ///< what `--channels` counts
  std::string samples = "images";  ///< what it trains on
  std::string data_dir_help = "Folder of the data set (default: the system's)";
  std::string steps_help = "Time steps each image is shown for";  ///< empty: there is no `--steps`
  std::string shift_help = "Shift training images by up to 2 pixels";  ///< empty: no `--shift`
  std::string flip_help = "Mirror every second training image";        ///< empty: no `--flip`
};

/// Adds the options with their units and defaults, and `--config FILE` for the same in TOML.
void add_train_options(CLI::App& app, TrainOptions& options, const TrainerNames& names);

/// What products compute in under `--amp`.
DType compute_dtype(const TrainOptions& options);

/// Where batch norm takes its statistics from under `--bn-mode`. Error: there is no such mode.
BatchNormMode batch_norm_mode(const std::string& bn_mode);

/// How spikes travel under `--pack-spikes`. Error: there is no such way.
SpikePacking spike_packing(const std::string& pack_spikes);

/// Refuses values that no network accepts. Errors name the option, the value and what is right.
void check_train_options(const TrainOptions& options);

}  // namespace ranvier::apps
