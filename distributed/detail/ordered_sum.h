// The sum of one array over a group, in steps that can wait.
#pragma once

#include <memory>
#include <vector>

#include "ranvier/distributed/collectives.h"

namespace ranvier::detail {

/// Adds up a flat array. Each member owns a slice: it adds up what all have there, in the order of
/// the group, and sends the sum to all. So the bits are the same for every member and transport.
class OrderedSum {
 public:
  /// Sends the slices of `values` (one axis) to their owners on channel `addends`; the sums come
  /// back on channel `sums`.
  OrderedSum(const Group& group, Tensor values, Channel addends, Channel sums);

  /// Once the others' have arrived, or after waiting for them: adds up this member's slice and
  /// sends the sum. True when that is done.
  bool add_up(bool wait);
  /// After `add_up`: takes the sums of the other slices into `values`. True when all are there.
  bool collect(bool wait);

  const Tensor& values() const { return values_; }

 private:
  Tensor slice(int owner) const;
  std::vector<int> others_with_slices() const;
  Expected expected(int member, int owner) const;
  void send_sum(std::vector<Tensor> addends);

  Group group_;
  Tensor values_;
  Channel sums_channel_;
  std::unique_ptr<Exchange> addends_, sums_;  // null before they begin and after they end
};

}  // namespace ranvier::detail
