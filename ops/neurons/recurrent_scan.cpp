#include "ranvier/ops/neurons/recurrent_scan.h"

#include <algorithm>
#include <span>
#include <type_traits>

#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/matmul/detail/matmul_gradients.h"
#include "ranvier/ops/neurons/detail/recurrent_kernels.h"
#include "ranvier/ops/neurons/detail/scan_kernels.h"
#include "ranvier/ops/neurons/detail/scan_op.h"
#include "ranvier/ops/neurons/detail/state_passage.h"
#include "ranvier/ops/shape/slice.h"

namespace ranvier {
namespace {

using namespace neurons;

constexpr const char* op = "recurrent_scan";

/// A state as it is given: the neuron's variables, and the output of the step before.
struct Initial {
  NeuronState state;
  Tensor output;  // undefined at rest
};

Initial split(const Neuron& neuron, const NeuronState& state) {
  if (state.at_rest()) return {};
  std::vector<Tensor> variables = state.variables();
  RV_CHECK(static_cast<int>(variables.size()) == neuron.states() + 1,
           "[recurrent_scan] the state of {} must have {} variables and the last output; got {} "
           "tensors.",
           neuron.name(), neuron.states(), variables.size());
  const Tensor output = variables.back();
  variables.pop_back();
  return {NeuronState(std::move(variables)), output};
}

void check_device(const char* what, const Tensor& tensor, const Tensor& x) {
  if (tensor.defined() && tensor.device() != x.device())
    fail(ErrorCode::device, "[recurrent_scan] {} is on {} and x on {}; all must be on one device.",
         what, tensor.device(), x.device());
}

void check_recurrent(const Neuron& neuron, const Tensor& x, const Tensor& weight,
                     const Initial& initial, const Extent& extent) {
  check_scan(neuron, x, initial.state, extent);
  RV_CHECK(x.rank() >= 2, "[recurrent_scan] x must be [T, ..., N]; its shape is {}.", x.shape());
  const Shape square{x.size(-1), x.size(-1)};
  RV_CHECK(weight.shape() == square && weight.dtype() == x.dtype(),
           "[recurrent_scan] the weight must be {} {}, from neurons to neurons; got {} {}.",
           x.dtype(), square, weight.dtype(), weight.shape());
  const Tensor& output = initial.output;
  RV_CHECK(!output.defined() || (output.shape() == extent.step && output.dtype() == x.dtype()),
           "[recurrent_scan] the last output must be {} {}, as one step of x; got {} {}.",
           x.dtype(), extent.step, output.dtype(), output.shape());
  check_device("the weight", weight, x);
  check_device("the last output", output, x);
}

/// Keeps the currents, from which the membranes are recomputed, and the outputs, for W.
template <class R>
struct RecurrentScanBackward final : Node {
  RecurrentInput<R> scan;  // its pointers are set in backward
  Saved currents, outputs, weight, first_output;
  std::vector<Saved> first_state;
  Saved checkpoints;  // on a CUDA device
  std::vector<Tensor> learnables;
  Shape step;
  StateRelay* relay = nullptr;  // as in `ScanBackward`

  const char* name() const override { return "RecurrentScanBackward"; }

  // Inputs: x, W, the state's variables, the output before, the learnables.
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const int states = scan.program.states;
    const Device device = currents.get().device();
    // Outputs, state variables, last output.
    std::vector<Tensor> held(grads.begin(), grads.begin() + 2 + states);
    for (Tensor& grad : held)
      if (grad.defined()) grad = grad.to(dtype_of<R>);
    std::vector<Tensor> results(3 + static_cast<std::size_t>(states));
    RecurrentGradOutput<R> grad_out;
    const auto wanted = [&](int i, const Shape& shape) -> R* {
      Tensor& result = results[static_cast<std::size_t>(i)];
      result = empty(shape, {.dtype = dtype_of<R>, .device = device});
      return mutable_data_or_null<R>(result);
    };
    const bool hands_on = has_before(relay);
    grad_out.x = wanted(0, currents.get().shape());
    for (int k = 0; k < states; ++k)
      if (needs(2 + k) || hands_on) grad_out.state[k] = wanted(2 + k, step);
    if (needs(2 + states) || hands_on) grad_out.output = wanted(2 + states, step);
    Tensor sums = learnables.empty()
                      ? Tensor()
                      : empty({scan.program.learnables}, {.dtype = DType::f64, .device = device});
    grad_out.learnables = mutable_data_or_null<double>(sums);

    StatePassage passage(relay, StatePassage::Way::backward, {held.begin() + 1, held.end()},
                         {results.begin() + 2, results.end()}, step,
                         {.dtype = dtype_of<R>, .device = device});
    std::copy(passage.arriving().begin(), passage.arriving().end(), held.begin() + 1);
    RecurrentInput<R> in = input();
    in.pieces = passage.pieces();
    kernel_for(op, device, RecurrentKernels<R>::backward)(
        device, in, data_or_null<R>(currents.get()), gradients_of(held), grad_out);
    passage.finish();
    if (needs(1)) results[1] = weight_gradient(results[0]);
    for (Tensor& gradient : learnable_gradients(learnables, sums))
      results.push_back(std::move(gradient));
    return results;
  }

  void release() override {
    for (Saved* saved : {&currents, &outputs, &weight, &first_output, &checkpoints}) saved->reset();
    first_state.clear();
  }

 private:
  RecurrentInput<R> input() const {
    RecurrentInput<R> in = scan;
    in.weight = data_or_null<R>(weight.get());
    for (int k = 0; k < in.program.states; ++k)
      in.state[k] = data_or_null<R>(first_state[static_cast<std::size_t>(k)].get());
    learnables_of(learnables, in.learnables);
    in.checkpoints = data_or_null<R>(checkpoints.get());
    return in;
  }

  RecurrentGradInput<R> gradients_of(const std::vector<Tensor>& held) const {
    RecurrentGradInput<R> grad_in;
    grad_in.outputs = data_or_null<R>(held.front());
    grad_in.last = data_or_null<R>(held.back());
    for (int k = 0; k < scan.program.states; ++k)
      grad_in.state[k] = data_or_null<R>(held[static_cast<std::size_t>(k) + 1]);
    return grad_in;
  }

  /// One product over all of time: the outputs of steps t - 1, transposed, times the currents'
  /// gradient at steps t.
  Tensor weight_gradient(const Tensor& grad_currents) const {
    const std::int64_t steps = grad_currents.size(0);
    const Tensor later = slice(grad_currents, 0, 1, steps);
    Tensor sum =
        detail::gradient_of_weight(op, slice(outputs.get(), 0, 0, steps - 1), later, DType::f32);
    if (!first_output.defined()) return sum;
    const Tensor first = slice(grad_currents, 0, 0, 1);
    return accumulate(std::move(sum),
                      detail::gradient_of_weight(op, first_output.get(), first, DType::f32));
  }
};

/// What a scan writes, and the tensors that hold it.
template <class R>
struct Written {
  Tensor currents, outputs, words, checkpoints;
  std::vector<Tensor> last;  // the state's variables and the last output
  RecurrentOutput<R> out;
};

/// Spikes that the CPU hears event by event are always written as words there.
template <class R>
Written<R> make_outputs(const Neuron& neuron, const Extent& extent, Device device,
                        const RecurrentScanOptions& options, bool recorded) {
  const TensorOptions real{.dtype = dtype_of<R>, .device = device};
  const bool by_events = std::is_same_v<R, float> && neuron.spiking();
  const auto states = static_cast<std::size_t>(neuron.states());
  Written<R> made;
  if (recorded) made.currents = empty(extent.sequence, real);
  if (!options.packed || !by_events) made.outputs = empty(extent.sequence, real);
  if (options.packed || (by_events && device == cpu_device))
    made.words = empty(extent.sequence, {.dtype = DType::bits, .device = device});
  const std::int64_t count = checkpoint_count(extent.steps);
  if (recorded && device != cpu_device && count > 0)
    made.checkpoints = empty(Shape{count, neuron.states()}.concat(extent.step), real);
  if (options.final_state || has_after(options.relay))
    for (std::size_t k = 0; k < states + 1; ++k) made.last.push_back(empty(extent.step, real));
  made.out.currents = mutable_data_or_null<R>(made.currents);
  made.out.outputs = mutable_data_or_null<R>(made.outputs);
  made.out.words = mutable_data_or_null<std::uint64_t>(made.words);
  made.out.checkpoints = mutable_data_or_null<R>(made.checkpoints);
  if (!made.last.empty()) {
    for (std::size_t k = 0; k < states; ++k)
      made.out.state[k] = mutable_data_or_null<R>(made.last[k]);
    made.out.last = mutable_data_or_null<R>(made.last.back());
  }
  return made;
}

template <class R>
RecurrentScanResult run(const Neuron& neuron, const Tensor& x, const Tensor& weight,
                        const Initial& initial, const RecurrentScanOptions& options,
                        const Extent& extent) {
  const auto states = static_cast<std::size_t>(neuron.states());
  std::vector<Tensor> given = variables_of(initial.state, neuron.states());
  given.push_back(initial.output);
  std::vector<Tensor> inputs{x, weight};
  inputs.insert(inputs.end(), given.begin(), given.end());
  inputs.insert(inputs.end(), neuron.learnables.begin(), neuron.learnables.end());
  const bool recorded = must_record(inputs, options.relay);

  Written<R> made = make_outputs<R>(neuron, extent, x.device(), options, recorded);
  StatePassage passage(options.relay, StatePassage::Way::forward, std::move(given), made.last,
                       extent.step, {.dtype = dtype_of<R>, .device = x.device()});
  const std::vector<Tensor>& first = passage.arriving();
  RecurrentInput<R> in{.program = program_of<R>(neuron),
                       .steps = extent.steps,
                       .rows = extent.step.sub(0, extent.step.rank() - 1).numel(),
                       .columns = extent.step[-1],
                       .x = data_or_null<R>(x),
                       .weight = data_or_null<R>(weight),
                       .output = data_or_null<R>(first.back()),
                       .pieces = passage.pieces()};
  for (std::size_t k = 0; k < states; ++k) in.state[k] = data_or_null<R>(first[k]);
  learnables_of(neuron.learnables, in.learnables);
  kernel_for(op, x.device(), RecurrentKernels<R>::forward)(x.device(), in, made.out);
  passage.finish();

  const Tensor spikes = options.packed ? made.words : made.outputs;
  if (recorded) {
    auto node = std::make_shared<RecurrentScanBackward<R>>();
    node->scan = in;
    node->currents = made.currents;
    // For W: spikes as words where there are any; those of f64 are multiplied as numbers.
    node->outputs = std::is_same_v<R, float> && made.words.defined() ? made.words : made.outputs;
    node->weight = weight;
    node->first_output = first.back();
    node->checkpoints = made.checkpoints;
    for (std::size_t k = 0; k < states; ++k) node->first_state.emplace_back(first[k]);
    node->learnables = neuron.learnables;
    node->step = extent.step;
    node->relay = options.relay;
    std::vector<Tensor> results{spikes};
    results.insert(results.end(), made.last.begin(), made.last.end());
    results.resize(2 + states);
    attach_scan(std::move(node), inputs, std::move(results), options.relay);
  }
  return {spikes,
          options.final_state ? NeuronState(std::move(made.last)) : NeuronState::not_kept()};
}

}  // namespace

RecurrentScanResult recurrent_scan(const Neuron& neuron, const Tensor& given, const Tensor& weight,
                                   const NeuronState& state, const RecurrentScanOptions& options) {
  const OperationScope operation(op);
  const Tensor x = widened(given);
  const Extent extent = extent_of(neuron, x, 0);
  const Initial initial = split(neuron, state);
  check_recurrent(neuron, x, weight, initial, extent);
  check_relay(neuron, state, options.relay);
  if (options.packed) check_packed(neuron, extent);
  return detail::visit_real(op, x.dtype(), [&]<class R>(detail::Type<R>) {
    return run<R>(neuron, x, weight, initial, options, extent);
  });
}

}  // namespace ranvier
