// The state of a network's neurons on its way along time, from rank to rank, and its gradient on
// the way back.
#pragma once

#include <vector>

#include "ranvier/distributed/collectives.h"
#include "ranvier/layers/shard_context.h"

namespace ranvier {

/// Into how many pieces a row of `ranks` cuts a state of `bytes` behind a scan of `steps` steps,
/// those of the rank that has most: as many as cost the least, by and large. Fewer come where a
/// layer has fewer blocks of neurons.
std::int64_t state_pieces(std::int64_t bytes, std::int64_t steps, int ranks);

/// Messages of states and their gradients between the neighbours of a row.
class TimeRelay final : public StateRelay {
 public:
  /// `pieces` of each state; 0: as `state_pieces` says.
  explicit TimeRelay(const Group& time_row, std::int64_t pieces = 0)
      : row_(time_row), pieces_(pieces) {}

  /// A pass begins, over these steps of the row. Forgets a pass that was not differentiated.
  void begin(const Slice& steps);
  /// `loss` as the root of everything this rank has to differentiate since: its own loss, and the
  /// scans that exchange gradients, in the order in which the other ranks expect them.
  Tensor root_of(const Tensor& loss);

  bool has_before() const override { return row_.index() > 0; }
  bool has_after() const override { return row_.index() + 1 < row_.size(); }
  std::int64_t pieces(std::int64_t bytes) override;
  Tensor receive_state(const Shape& shape, const TensorOptions& options) override;
  void send_gradient(const Tensor& piece) override;
  bool must_wait() override;
  void send_state(const Tensor& piece) override;
  Tensor receive_gradient(const Shape& shape, const TensorOptions& options) override;

 private:
  void expect_backward(const Tensor& token) override { tokens_.push_back(token); }
  int before() const { return row_.rank(row_.index() - 1); }
  int after() const { return row_.rank(row_.index() + 1); }

  Group row_;
  const std::int64_t pieces_;
  std::int64_t steps_ = 1;      // of the rank with most
  std::vector<Tensor> tokens_;  // outputs of the nodes that exchange gradients
};

/// The shards of a sequence that the ranks of a row computed, put together: [T/R, ...] -> [T, ...]
/// on each. The gradient is that of the own steps, so every rank must go on alike.
Tensor gather_steps(const Group& time_row, const Tensor& shard, std::int64_t steps);

}  // namespace ranvier
