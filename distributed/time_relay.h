// The state of a network's neurons on its way along time, from rank to rank, and its gradient on
// the way back.
#pragma once

#include <vector>

#include "ranvier/distributed/collectives.h"
#include "ranvier/layers/shard_context.h"

namespace ranvier {

/// Receives each layer's state from the rank of the row that has the steps before, and sends it on
/// as soon as the layer's scan ends. What is received is differentiable: its gradient is sent back
/// during backward, which waits in turn for the gradients of the states that were sent.
class TimeRelay final : public StateRelay {
 public:
  explicit TimeRelay(const Group& time_row) : row_(time_row) {}

  bool must_wait() override;
  std::vector<Tensor> receive(int count, const Shape& shape, const TensorOptions& options) override;
  std::function<void(std::span<const Tensor>)> gradient_sender() override;
  bool hands_on() const override { return row_.index() + 1 < row_.size(); }
  void hand_on(const std::vector<Tensor>& variables) override;

  /// `loss` as the root of everything this rank has to differentiate since the last call: its own
  /// loss, and the states it sent and received, in the order in which the other ranks expect them.
  Tensor root_of(const Tensor& loss);
  /// Forgets the states of a pass that is not differentiated.
  void forget() { tokens_.clear(); }

 private:
  struct Received;

  Group row_;
  std::shared_ptr<Received> received_;  // last
  std::vector<Tensor> tokens_;          // empty tensors whose nodes send and receive gradients
};

/// The shards of a sequence that the ranks of a row computed, put together: [T/R, ...] -> [T, ...]
/// on each. The gradient is that of the own steps, so every rank must go on alike.
Tensor gather_steps(const Group& time_row, const Tensor& shard, std::int64_t steps);

}  // namespace ranvier
