#include "ranvier/layers/shard_context.h"

#include <span>
#include <utility>
#include <vector>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/ops/neurons/speculative_scan.h"

namespace ranvier {
namespace {
thread_local const ShardContext* current = nullptr;
thread_local bool static_input = false;

StateRelay* current_relay() { return current == nullptr ? nullptr : current->relay; }

/// A state that came from others, or went to them, as a whole.
struct ExchangedState : Node {
  ExchangedState(StateRelay& relay, const std::vector<Tensor>& variables) : relay(relay) {
    for (const Tensor& variable : variables) {
      shapes.push_back(variable.shape());
      options.push_back({.dtype = variable.dtype(), .device = variable.device()});
    }
  }
  StateRelay& relay;
  std::vector<Shape> shapes;
  std::vector<TensorOptions> options;
};

struct ReceiveStateBackward final : ExchangedState {
  using ExchangedState::ExchangedState;
  const char* name() const override { return "ReceiveStateBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    for (std::size_t i = 0; i < shapes.size(); ++i)
      relay.send_gradient(grads[i].defined() ? grads[i] : zeros(shapes[i], options[i]));
    return {};
  }
};

struct SendStateBackward final : ExchangedState {
  using ExchangedState::ExchangedState;
  const char* name() const override { return "SendStateBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor>) override {
    std::vector<Tensor> grads;
    for (std::size_t i = 0; i < shapes.size(); ++i)
      grads.push_back(relay.receive_gradient(shapes[i], options[i]));
    return grads;
  }
};

}  // namespace

const ShardContext* shard_context() { return current; }

ShardContextGuard::ShardContextGuard(ShardContext context)
    : context_(std::move(context)), previous_(current) {
  current = &context_;
}
ShardContextGuard::~ShardContextGuard() { current = previous_; }

StaticInputGuard::StaticInputGuard(bool is_static) : previous_(static_input) {
  static_input = previous_ || is_static;
}
StaticInputGuard::~StaticInputGuard() { static_input = previous_; }
bool input_is_static() { return static_input; }

std::int64_t steps_here(std::int64_t steps) {
  if (current == nullptr || steps == 0) return steps;
  RV_CHECK(steps == current->steps.total,
           "[shard] a layer shows its static input for {} steps, but {} are shared among the "
           "ranks; both must be the same.",
           steps, current->steps.total);
  return current->steps.length();
}

StateRelay* state_relay(const State& given) {
  StateRelay* const relay = current_relay();
  RV_CHECK(relay == nullptr || given.at_rest(),
           "[shard] a sequence that ranks share begins at rest.");
  return relay;
}

NeuronState state_before(const State& given, bool learns, int count, const Shape& shape,
                         const TensorOptions& options) {
  StateRelay* const relay = state_relay(given);
  if (relay == nullptr) return to_neuron_state(given);
  if (!relay->has_before()) return {};
  std::vector<Tensor> variables;
  for (int i = 0; i < count; ++i) variables.push_back(relay->receive_state(shape, options));
  if (learns)
    relay->attach_exchange(std::make_shared<ReceiveStateBackward>(*relay, variables), {},
                           variables);
  return NeuronState(std::move(variables));
}

NeuronState state_before(const State& given, bool learns, int count, const Tensor& x,
                         bool is_static) {
  const Shape step = is_static ? x.shape() : x.shape().sub(1, x.rank());
  return state_before(given, learns, count, step,
                      {.dtype = detail::computed_dtype(x.dtype()), .device = x.device()});
}

bool state_wanted(const State& given) {
  return given.keep || (current_relay() != nullptr && current_relay()->has_after());
}

State state_after(const State& given, bool learns, const NeuronState& after) {
  StateRelay* const relay = current_relay();
  if (relay != nullptr && relay->has_after()) {
    const std::vector<Tensor>& variables = after.variables();
    for (const Tensor& variable : variables) relay->send_state(variable);
    if (learns)
      relay->attach_exchange(std::make_shared<SendStateBackward>(*relay, variables), variables, {});
  }
  return kept_state(given, after);
}

Speculation* speculation_for(const Neuron& neuron, Device device) {
  // Soft resets keep what the membrane was, and mostly meet too late.
  const bool may = current_relay() != nullptr && device == cpu_device && neuron.resets_hard();
  return may ? current->speculation : nullptr;
}

bool begins_early(Device device) {
  return SpeculativeScan::can_pay(device, current->steps.length()) &&
         current->relay->has_before() && current->relay->must_wait();
}

std::shared_ptr<BatchNormRanks> shared_statistics(BatchNormMode mode) {
  if (current == nullptr) return nullptr;
  if (static_input) return current->statistics.images;
  return mode == BatchNormMode::step ? current->statistics.steps : current->statistics.sequences;
}

bool norm_spans_steps(BatchNormMode mode) {
  return current != nullptr && !static_input && mode == BatchNormMode::batch &&
         current->steps.length() < current->steps.total;
}

DropoutPart dropout_part() {
  if (current == nullptr) return {};
  const Slice& samples = current->samples;
  const Slice steps = static_input ? Slice::whole(1) : current->steps;
  return {steps.begin, steps.total, samples.begin, samples.total};
}

}  // namespace ranvier
