#include "ranvier/distributed/time_relay.h"

#include <algorithm>

#include "ranvier/core/tape.h"
#include "ranvier/ops/shape/concat.h"
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

std::int64_t state_pieces(std::int64_t bytes, std::int64_t steps) {
  // A scan takes about half a nanosecond for each byte of its state and step, a message some tens
  // of microseconds of those who move it: a piece is worth 100.
  constexpr std::int64_t piece_work = 200'000, most = 8;  // bytes times steps
  return std::clamp<std::int64_t>(bytes * steps / piece_work, 1, most);
}

void TimeRelay::begin(const Slice& steps) {
  steps_ = Slice::of(steps.total, 0, row_.size()).length();
  tokens_.clear();
}

std::int64_t TimeRelay::pieces(std::int64_t bytes) {
  return pieces_ > 0 ? pieces_ : state_pieces(bytes, steps_);
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
  std::vector<std::int64_t> lengths;
  for (int i = 0; i < time_row.size(); ++i)
    lengths.push_back(Slice::of(steps, i, time_row.size()).length());
  Tensor whole;
  {
    const NoGradGuard no_grad;
    whole = concat(all_gather(time_row, shard.detach(), lengths), 0);
  }
  if (grad_needed({shard}))
    attach(
        std::make_shared<GatherStepsBackward>(Slice::of(steps, time_row.index(), time_row.size())),
        {shard}, {whole});
  return whole;
}

}  // namespace ranvier
