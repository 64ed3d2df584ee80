#include "ranvier/distributed/time_relay.h"

#include <algorithm>
#include <cmath>

#include "ranvier/core/tape.h"
#include "ranvier/ops/shape/slice.h"

namespace ranvier {
namespace {

struct JoinBackward final : Node {
  const char* name() const override { return "JoinBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    std::vector<Tensor> results(edges().size(), empty({0}));
    results[0] = grads[0];
    return results;
  }
};

struct GatherStepsBackward final : Node {
  explicit GatherStepsBackward(const Slice& own) : own(own) {}
  Slice own;

  const char* name() const override { return "GatherStepsBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    return {slice(grads[0], 0, own.begin, own.end)};
  }
};

}  // namespace

// The last of R ranks waits for (R - 1) pieces of a scan, in all a K-th of (R - 1) N, and each
// sends K messages: together the least where both are the same.
std::int64_t state_pieces(std::int64_t bytes, std::int64_t steps, int ranks) {
  constexpr double scan = 2e-10;    // seconds for each byte and step: between forward and backward
  constexpr double message = 2e-4;  // seconds, over `mpi` to one who has gone to sleep
  constexpr double most = 32;       // as the kernels' pace falls with very short pieces
  const double waits = (ranks - 1) * scan * static_cast<double>(bytes) * static_cast<double>(steps);
  return static_cast<std::int64_t>(std::clamp(std::sqrt(waits / message), 1.0, most));
}

void TimeRelay::begin(const Slice& steps) {
  steps_ = Slice::of(steps.total, 0, row_.size()).length();
  tokens_.clear();
}

std::int64_t TimeRelay::pieces(std::int64_t bytes) {
  return pieces_ > 0 ? pieces_ : state_pieces(bytes, steps_, row_.size());
}

Tensor TimeRelay::receive_state(const Shape& shape, const TensorOptions& options) {
  return row_.transport().receive(shape, options, before(), Channel::state);
}

void TimeRelay::send_gradient(const Tensor& piece) {
  row_.transport().send(piece, before(), Channel::state_gradient);
}

bool TimeRelay::must_wait() { return !row_.transport().arrived(before(), Channel::state); }

void TimeRelay::send_state(const Tensor& piece) {
  row_.transport().send(piece, after(), Channel::state);
}

Tensor TimeRelay::receive_gradient(const Shape& shape, const TensorOptions& options) {
  return row_.transport().receive(shape, options, after(), Channel::state_gradient);
}

Tensor TimeRelay::root_of(const Tensor& loss) {
  std::vector<Tensor> inputs{loss};
  inputs.insert(inputs.end(), tokens_.begin(), tokens_.end());
  tokens_.clear();
  const Tensor outputs[] = {loss.detach()};
  attach(std::make_shared<JoinBackward>(), inputs, outputs);
  return outputs[0];
}

Tensor gather_steps(const Group& time_row, const Tensor& shard, std::int64_t steps) {
  if (time_row.size() == 1) return shard;
  const Tensor whole = all_gather_parts(time_row, shard, steps);
  if (grad_needed({shard}))
    attach(
        std::make_shared<GatherStepsBackward>(Slice::of(steps, time_row.index(), time_row.size())),
        {shard}, {whole});
  return whole;
}

}  // namespace ranvier
