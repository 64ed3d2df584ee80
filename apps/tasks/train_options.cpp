#include "apps/tasks/train_options.h"

#include <CLI/CLI.hpp>

#include <algorithm>

#include "ranvier/core/error.h"

namespace ranvier::apps {
namespace {

void add_data_options(CLI::App& app, TrainOptions& o, const TrainerNames& names) {
  const auto add = [&](const char* name, auto& value, const std::string& help) {
    app.add_option(name, value, help)->capture_default_str()->group("Data");
  };
  app.add_option("--data-dir", o.data_dir, names.data_dir_help)->group("Data");
  add("--train-samples", o.train_samples, "Train on the first N " + names.samples + "; 0: all");
  add("--test-samples", o.test_samples, "Test on the first N " + names.samples + "; 0: all");
  if (!names.shift_help.empty()) app.add_flag("--shift", o.shift, names.shift_help)->group("Data");
  if (!names.flip_help.empty()) app.add_flag("--flip", o.flip, names.flip_help)->group("Data");
  add("--workers", o.workers, "Threads that prepare batches; 0: none of their own");
}

void add_learning_options(CLI::App& app, TrainOptions& o, const TrainerNames& names) {
  const auto add = [&](const char* name, auto& value, const std::string& help) {
    app.add_option(name, value, help)->capture_default_str()->group("Learning");
  };
  add("--epochs", o.epochs, "Passes through the training set");
  add("--batch-size", o.batch_size, "Number of " + names.samples + " per step");
  add("--accumulate", o.accumulate, "Parts of a batch, computed one after another");
  add("--lr", o.lr, "Learning rate at its highest");
  add("--optimizer", o.optimizer, "sgd, adam or adamw");
  add("--momentum", o.momentum, "Momentum of sgd");
  add("--weight-decay", o.weight_decay, "Weight decay of weights and biases");
  add("--scheduler", o.scheduler, "constant, step, multistep, cosine or onecycle");
  add("--warmup", o.warmup, "Epochs in which the rate rises linearly");
  add("--seed", o.seed, "Seed of weights, shuffling and augmentation");
}

void add_machine_options(CLI::App& app, TrainOptions& o) {
  const auto add = [&](const char* name, auto& value, const char* help) {
    app.add_option(name, value, help)->capture_default_str()->group("Machine");
  };
  add("--device", o.device, "cpu or cuda[:index]");
  add("--threads", o.threads, "Threads that compute; 0: one per core");
  add("--amp", o.amp, "none; bf16 or (CUDA) f16: products in 16 bit");
  app.add_flag("--tf32", o.tf32, "CUDA: f32 products take TF32, 10 bit fractions")
      ->group("Machine");
  app.add_flag("--autotune", o.autotune, "CUDA: keep the algorithms that time fastest")
      ->group("Machine");
  add("--graph", o.graph, "on: record a CUDA device's step and repeat it; off");
  add("--pack-spikes", o.pack_spikes, "Spikes kept as bits: auto, on a CPU; on; off");
  app.add_flag("--no-fuse", o.no_fuse, "Run every layer on its own")->group("Machine");
  app.add_flag("--deterministic", o.deterministic, "Fixed kernel choices, none by timing")
      ->group("Machine");
}

void add_rank_options(CLI::App& app, TrainOptions& o) {
  const auto add = [&](const char* name, auto& value, const char* help) {
    app.add_option(name, value, help)->capture_default_str()->group("Several ranks (mpirun)");
  };
  add("--time-shards", o.time_shards, "Ranks that share the time steps; 0: one");
  add("--data-shards", o.data_shards, "Ranks that share a batch; 0: all that remain");
  app.add_flag("--speculate", o.speculate, "Time shards begin before their states are there")
      ->group("Several ranks (mpirun)");
  add("--transport", o.transport, "auto: mpi if mpirun started it; self; mpi; nccl");
  add("--patience", o.patience, "Seconds of silence until a rank counts as lost");
}

// Options that only a CUDA device, or only a CPU, makes something of.
void check_device_options(const TrainOptions& o) {
  const bool on_cuda = parse_device(o.device) != cpu_device;
  const auto needs_cuda = [&](bool given, const char* option) {
    RV_CHECK(on_cuda || !given, "{} is of CUDA devices; got --device {}.", option, o.device);
  };
  needs_cuda(o.tf32, "--tf32");
  needs_cuda(o.autotune, "--autotune");
  RV_CHECK(on_cuda || o.amp != "f16", "--amp f16 is of CUDA devices; with --device {} use bf16.",
           o.device);
  RV_CHECK(!(o.autotune && o.deterministic),
           "--autotune chooses by timing, which --deterministic rules out; leave out one of them.");
  RV_CHECK(
      !on_cuda || !o.speculate,
      "--speculate is of CPUs, neurons on CUDA devices wait for their states; got --device {}.",
      o.device);
}

}  // namespace

void add_train_options(CLI::App& app, TrainOptions& o, const TrainerNames& names) {
  app.set_config("--config", "", "Read options from a TOML file, e.g. epochs = 3");
  app.allow_config_extras(CLI::config_extras_mode::capture);
  add_data_options(app, o, names);
  if (!names.steps_help.empty())
    app.add_option("--steps", o.steps, names.steps_help)->capture_default_str()->group("Network");
  app.add_option("--channels", o.channels, names.channels_help)
      ->capture_default_str()
      ->group("Network");
  add_learning_options(app, o, names);
  app.add_option("--bn-mode", o.bn_mode, "Statistics of batch norm: sync, step or frozen")
      ->capture_default_str()
      ->group("Network");
  add_machine_options(app, o);
  add_rank_options(app, o);
  app.add_option("--output-dir", o.output_dir, "For metrics.csv, checkpoint.h5 and report.html")
      ->capture_default_str()
      ->group("Run");
  app.add_option("--resume", o.resume, "Go on from a checkpoint (default: --output-dir's)")
      ->expected(0, 1)
      ->group("Run");
  app.add_flag("--eval-only", o.eval_only, "Test the checkpoint's network and stop")->group("Run");
}

DType compute_dtype(const TrainOptions& options) {
  if (options.amp == "f16") return DType::f16;
  return options.amp == "bf16" ? DType::bf16 : DType::f32;
}

BatchNormMode batch_norm_mode(const std::string& bn_mode) {
  if (bn_mode == "sync") return BatchNormMode::batch;
  if (bn_mode == "step") return BatchNormMode::step;
  RV_CHECK(bn_mode == "frozen", "--bn-mode must be sync, step or frozen; got '{}'.", bn_mode);
  return BatchNormMode::frozen;
}

SpikePacking spike_packing(const std::string& pack_spikes) {
  if (pack_spikes == "auto") return SpikePacking::automatic;
  RV_CHECK(pack_spikes == "on" || pack_spikes == "off",
           "--pack-spikes must be auto, on or off; got '{}'.", pack_spikes);
  return pack_spikes == "on" ? SpikePacking::on : SpikePacking::off;
}

void check_train_options(const TrainOptions& o) {
  const auto at_least = [](const char* option, std::int64_t value, std::int64_t least) {
    RV_CHECK(value >= least, "--{} must be >= {}; got {}.", option, least, value);
  };
  at_least("epochs", o.epochs, 1);
  at_least("batch-size", o.batch_size, 1);
  at_least("accumulate", o.accumulate, 1);
  at_least("steps", o.steps, 1);
  at_least("channels", o.channels, 1);
  at_least("workers", o.workers, 0);
  at_least("threads", o.threads, 0);
  at_least("warmup", o.warmup, 0);
  at_least("train-samples", o.train_samples, 0);
  at_least("test-samples", o.test_samples, 0);
  at_least("time-shards", o.time_shards, 0);
  at_least("data-shards", o.data_shards, 0);
  RV_CHECK(!o.speculate || o.time_shards > 1,
           "--speculate needs --time-shards of 2 or more; got {}.", o.time_shards);
  RV_CHECK(o.time_shards <= o.steps, "--time-shards {} cannot share sequences of {} steps.",
           o.time_shards, o.steps);
  batch_norm_mode(o.bn_mode);
  RV_CHECK(spike_packing(o.pack_spikes) != SpikePacking::on || !o.no_fuse,
           "--pack-spikes on needs fused layers; leave out --no-fuse.");
  RV_CHECK(o.transport == "auto" || o.transport == "self" || o.transport == "mpi" ||
               o.transport == "nccl",
           "--transport must be auto, self, mpi or nccl; got '{}'.", o.transport);
  RV_CHECK(o.patience > 0, "--patience must be > 0 seconds; got {}.", o.patience);
  RV_CHECK(o.lr > 0, "--lr must be > 0; got {}.", o.lr);
  RV_CHECK(o.graph == "on" || o.graph == "off", "--graph must be on or off; got '{}'.", o.graph);
  RV_CHECK(o.amp == "none" || o.amp == "bf16" || o.amp == "f16",
           "--amp must be none, bf16 or f16; got '{}'.", o.amp);
  check_device_options(o);
}

}  // namespace ranvier::apps
