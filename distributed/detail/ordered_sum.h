// The sum of one array over a group, in steps that can wait.
#pragma once

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

  /// Adds up this member's slice as far as the others' have arrived, or waits for them, and sends
  /// the sum. True when that is done.
  bool add_up(bool wait);
  /// After `add_up`: takes the sums of the other slices into `values`. True when all are there.
  bool collect(bool wait);

  const Tensor& values() const { return values_; }

 private:
  Tensor slice(int owner) const;
  bool ready(int member, Channel channel, bool wait) const;
  Tensor receive_slice(int member, int owner, Channel channel) const;

  Group group_;
  Tensor values_;
  Channel addends_, sums_;
  Tensor sum_;           // of the members before `next_addend_`
  int next_addend_ = 0;  // all when this member's slice is done
  int next_sum_ = 0;
};

}  // namespace ranvier::detail
