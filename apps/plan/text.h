// What ranvier-plan prints: tables of at most 80 columns, and Markdown for the guides.
#pragma once

#include <string>
#include <vector>

#include "ranvier/distributed/predictor.h"

namespace ranvier::apps {

/// A plan and what it is expected to cost.
struct PlannedMesh {
  Plan plan{};
  Prediction prediction{};
  double measured = 0;  ///< seconds of a step that was run; 0: none was
};

/// The stages of a profile with their times, what each waits for, and its state's size.
std::string stage_table(const NetworkProfile& profile);

std::vector<PlannedMesh>::const_iterator fastest(const std::vector<PlannedMesh>& meshes);

/// A row for each mesh beside a step of `alone` seconds on one rank; the fastest one is marked.
std::string mesh_table(const std::vector<PlannedMesh>& meshes, double alone);

/// Speed-ups [ranks][steps] as a Markdown table; values <= 0 are plans that cannot be.
std::string speedup_table(const std::vector<int>& ranks, const std::vector<std::int64_t>& steps,
                          const std::vector<std::vector<double>>& speedups);

/// "10 us and 350 GB/s"
std::string to_string(const Link& link);

}  // namespace ranvier::apps
