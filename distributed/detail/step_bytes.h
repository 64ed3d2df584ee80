// What one rank sends in a training step.
#pragma once

#include <cstdint>
#include <utility>

#include "ranvier/distributed/collectives.h"
#include "ranvier/distributed/predictor.h"

namespace ranvier::detail {

/// Gradients put together as `AllReduce` does it.
template <class Sum>
class GradientBuckets {
 public:
  /// `sum(numbers)` is called for each bucket when it is full.
  explicit GradientBuckets(Sum sum) : sum_(std::move(sum)) {}

  void add(std::int64_t numbers) {
    if (numbers * 4 >= AllReduce::default_bucket_bytes) finish();
    gathered_ += numbers;
    if (gathered_ * 4 >= AllReduce::default_bucket_bytes) finish();
  }
  void finish() {
    if (gathered_ > 0) sum_(std::exchange(gathered_, 0));
  }

 private:
  Sum sum_;
  std::int64_t gathered_ = 0;
};

/// Bytes of arrays in the messages of rank data * time shards + time of the plan's mesh.
std::int64_t step_bytes(const NetworkProfile& profile, const Plan& plan, int data, int time);

}  // namespace ranvier::detail
