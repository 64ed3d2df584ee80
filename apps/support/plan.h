// ranvier-plan: what a training step will take over several ranks.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <filesystem>
#include <string>

#include "apps/support/plan_models.h"

namespace ranvier::apps {

struct PlanOptions {
  PlanModelOptions model{};
  std::int64_t steps = 64, batch = 16;
  int ranks = 8;
  std::string bn_mode = "sync";
  int chunks = 1;
  double link_latency = 10, link_bandwidth = 10;  ///< microseconds, 1e9 bytes per second
  std::string device = "cpu";
  int threads = 1;
  int runs = 3;
  std::int64_t measure_steps = 64;
  std::filesystem::path simulate{};
  int time_shards = 0;  ///< of the mesh that is drawn; 0: the fastest
  bool table = false;
};

/// Adds the options with their units and defaults.
void add_plan_options(CLI::App& app, PlanOptions& options);

/// Measures, predicts and prints; returns the exit status. Errors: options out of range; a model
/// that is not known; more shards than time steps or samples; a device that is not available.
int run_plan(const PlanOptions& options);

}  // namespace ranvier::apps
