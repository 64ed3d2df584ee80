// What a network is made of, as a table.
#pragma once

#include <string>
#include <vector>

#include "ranvier/layers/sequential.h"

namespace ranvier {

/// One module of a network, seen while it computed one batch.
struct LayerSummary {
  std::string name;
  std::string kind;
  Shape output;                          ///< with its leading axes
  std::int64_t parameters = 0;           ///< learned numbers
  double input_density = 1;              ///< share of non-zero inputs
  std::int64_t multiply_adds = 0;        ///< dense, per sample, over all steps it computes
  double synaptic_operations = 0;        ///< multiply_adds * input_density: what an event-driven
                                         ///< machine would add up
};

/// Runs `network` on `example` (one batch, no gradients) and describes each module. The network's
/// training mode is left as it is but nothing is learned. Batch size is `example`'s first axis
/// for static input, its second for a sequence.
std::vector<LayerSummary> summarise(Sequential& network, const Tensor& example,
                                    bool example_has_time = false);

/// The table as text of at most 80 columns, with totals.
std::string format_summary(const std::vector<LayerSummary>& layers);

}  // namespace ranvier
