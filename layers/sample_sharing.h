// The layers before the first neuron of a network for images: what they are given is the same at
// all steps, so ranks that compute different steps may compute them together, sample by sample.
#pragma once

#include <cstdint>

#include "ranvier/core/partition.h"
#include "ranvier/core/tensor.h"

namespace ranvier {

/// What such layers cost, by which it is decided.
struct StaticWork {
  std::int64_t samples = 0;
  std::int64_t weights = 0;  ///< of all of them
  std::int64_t fan_in = 0;   ///< weights that each number of the last product is summed over
};

/// Ranks that have the same samples and different steps.
class SampleSharing {
 public:
  virtual ~SampleSharing() = default;
  /// Whether each computes some of the samples instead of all. All of them say the same.
  virtual bool wanted(const StaticWork& work) const = 0;
  /// Which of `samples` are this rank's then.
  virtual Slice own(std::int64_t samples) const = 0;
  /// What all ranks made of their own samples, [b, ...] -> [samples, ...]. The gradient of `part`
  /// is the sum of what all ranks have for it.
  virtual Tensor gather(const Tensor& part, std::int64_t samples) = 0;
};

}  // namespace ranvier
