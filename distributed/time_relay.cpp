#include "ranvier/distributed/time_relay.h"

#include <utility>

#include "ranvier/core/tape.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/slice.h"

namespace ranvier {
namespace {

/// An empty tensor: what makes the backward walk visit the node it comes from.
Tensor token() { return empty({0}); }

/// States that travel between this rank and `other`, whose gradients travel the other way.
struct TravellingStates : Node {
  TravellingStates(Transport& transport, int other, const std::vector<Tensor>& states)
      : transport(&transport), other(other) {
    for (const Tensor& state : states) {
      shapes.push_back(state.shape());
      options.push_back({.dtype = state.dtype(), .device = state.device()});
    }
  }
  Transport* transport;
  int other;
  std::vector<Shape> shapes;
  std::vector<TensorOptions> options;
};

struct SendStateBackward final : TravellingStates {
  using TravellingStates::TravellingStates;
  const char* name() const override { return "SendStateBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor>) override {
    std::vector<Tensor> grads;
    for (std::size_t i = 0; i < shapes.size(); ++i)
      grads.push_back(transport->receive(shapes[i], options[i], other, Channel::state_gradient));
    return grads;
  }
};

struct JoinBackward final : Node {
  const char* name() const override { return "JoinBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    std::vector<Tensor> results(edges().size(), token());
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

/// Sends gradients back, once: from backward, unless somebody knew them earlier.
struct TimeRelay::Received final : TravellingStates {
  using TravellingStates::TravellingStates;
  bool sent = false;

  const char* name() const override { return "ReceiveStateBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    if (!sent) send(grads);
    return {};
  }
  void send(std::span<const Tensor> grads) {
    for (std::size_t i = 0; i < shapes.size(); ++i)
      transport->send(grads[i].defined() ? grads[i] : zeros(shapes[i], options[i]), other,
                      Channel::state_gradient);
    sent = true;
  }
};

bool TimeRelay::must_wait() {
  return row_.index() > 0 && !row_.transport().arrived(row_.rank(row_.index() - 1), Channel::state);
}

std::vector<Tensor> TimeRelay::receive(int count, const Shape& shape,
                                       const TensorOptions& options) {
  received_.reset();
  if (row_.index() == 0) return {};
  const int from = row_.rank(row_.index() - 1);
  std::vector<Tensor> states;
  for (int i = 0; i < count; ++i)
    states.push_back(row_.transport().receive(shape, options, from, Channel::state));
  if (!grad_enabled()) return states;
  tokens_.push_back(token());
  std::vector<Tensor> outputs = states;
  outputs.push_back(tokens_.back());
  received_ = std::make_shared<Received>(row_.transport(), from, states);
  attach(received_, {}, outputs);
  return states;
}

std::function<void(std::span<const Tensor>)> TimeRelay::gradient_sender() {
  if (!received_) return {};
  return [received = received_](std::span<const Tensor> grads) { received->send(grads); };
}

void TimeRelay::hand_on(const std::vector<Tensor>& variables) {
  const int to = row_.rank(row_.index() + 1);
  for (const Tensor& variable : variables)
    row_.transport().send(variable.detach(), to, Channel::state);
  if (!grad_enabled()) return;
  tokens_.push_back(token());
  const Tensor outputs[] = {tokens_.back()};
  attach(std::make_shared<SendStateBackward>(row_.transport(), to, variables), variables, outputs);
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
