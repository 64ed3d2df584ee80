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
  Shape output;                    ///< with its leading axes
  std::int64_t parameters = 0;     ///< learned numbers
  double input_density = 1;        ///< share of inputs that are not zero
  std::int64_t multiply_adds = 0;  ///< per sample over all steps it computes, zeros included
  double synaptic_operations = 0;  ///< multiply_adds * density of what they multiply: what
                                   ///< hardware that skips zeros would add up
};

/// Runs `network` in evaluation mode on `example` (one batch of `batch` samples, no gradients) and
/// describes each module. Leaves the network as it was. Errors: batch < 1; an example of which it
/// is neither the first nor the second extent.
std::vector<LayerSummary> summarise(Sequential& network, const Tensor& example, std::int64_t batch);

/// The table as text of at most 80 columns, with totals.
std::string format_summary(const std::vector<LayerSummary>& layers);

}  // namespace ranvier
