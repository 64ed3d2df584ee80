#include "ranvier/layers/shard_context.h"

#include <utility>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/ops/neurons/speculative_scan.h"

namespace ranvier {
namespace {
thread_local const ShardContext* current = nullptr;
thread_local bool static_input = false;
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

NeuronState state_before(const State& given, int count, const Shape& shape,
                         const TensorOptions& options) {
  if (current == nullptr || current->relay == nullptr) return to_neuron_state(given);
  RV_CHECK(given.at_rest(), "[shard] a sequence that ranks share begins at rest.");
  std::vector<Tensor> variables = current->relay->receive(count, shape, options);
  return variables.empty() ? NeuronState() : NeuronState(std::move(variables));
}

NeuronState state_before(const State& given, int count, const Tensor& x, bool is_static) {
  const Shape step = is_static ? x.shape() : x.shape().sub(1, x.rank());
  return state_before(given, count, step,
                      {.dtype = detail::computed_dtype(x.dtype()), .device = x.device()});
}

std::function<void(std::span<const Tensor>)> state_gradient_sender() {
  if (current == nullptr || current->relay == nullptr) return {};
  return current->relay->gradient_sender();
}

Speculation* speculation_for(const Neuron& neuron, Device device) {
  if (current == nullptr || current->speculation == nullptr || current->relay == nullptr)
    return nullptr;
  // Soft resets keep what the membrane was, and mostly meet too late.
  const bool pays =
      neuron.resets_hard() && SpeculativeScan::can_pay(device, current->steps.length());
  return pays && current->relay->must_wait() ? current->speculation : nullptr;
}

bool state_wanted(const State& given) {
  return given.keep ||
         (current != nullptr && current->relay != nullptr && current->relay->hands_on());
}

State state_after(const State& given, const NeuronState& after) {
  if (current != nullptr && current->relay != nullptr && current->relay->hands_on())
    current->relay->hand_on(after.variables());
  return given.keep ? to_state(after) : State{};
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
