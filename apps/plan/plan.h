// ranvier-plan: what a training step will take over several ranks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/plan/models.h"
#include "ranvier/distributed/transport.h"

namespace CLI {
class App;
}

namespace ranvier::apps {

struct PlanOptions {
  PlanModelOptions model{};
  std::int64_t steps = 64, batch = 16;
  int ranks = 0;  ///< 0: those of mpirun, else 8
  std::string bn_mode = "sync";
  std::int64_t state_pieces = 0;  ///< 0: as trainers do
  bool speculate = false;
  /// Microseconds and 1e9 bytes per second of each link, of which only tables have several; empty:
  /// measured where there are several ranks, else 10.
  std::vector<double> link_latency{}, link_bandwidth{};
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

/// Measures, predicts and prints; returns the exit status. With the `transport` of several ranks,
/// which all call it, the link between them and a step over them are measured too, and rank 0
/// prints. Errors: options out of range; a model that is not known; more shards than time steps or
/// samples; a device that is not available.
int run_plan(const PlanOptions& options, Transport* transport = nullptr);

}  // namespace ranvier::apps
