#include "ranvier/ops/neurons/scan.h"

#include <span>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/neurons/detail/scan_kernels.h"
#include "ranvier/ops/neurons/detail/scan_op.h"

namespace ranvier {

// --- state --------------------------------------------------------------------------------------

NeuronState NeuronState::not_kept() {
  NeuronState state;
  state.kept_ = false;
  return state;
}

const std::vector<Tensor>& NeuronState::variables() const {
  RV_CHECK(kept_, "[scan] this scan did not keep its state; ask for it with final_state = true.");
  return variables_;
}

const Tensor& NeuronState::membrane() const {
  RV_CHECK(!variables().empty(), "[scan] a state at rest has no membrane tensor.");
  return variables_.front();
}

NeuronState NeuronState::detach() const {
  NeuronState detached = *this;
  for (Tensor& variable : detached.variables_) variable = variable.detach();
  return detached;
}

namespace {

using namespace neurons;

/// Keeps x and the initial state only; backward recomputes the membrane.
template <class R>
struct ScanBackward final : Node {
  ScanInput<R> scan;        // its pointers are set in backward
  std::vector<Saved> read;  // x and the state's variables
  Saved checkpoints;        // on a CUDA device
  std::vector<Tensor> learnables;
  Shape step;

  const char* name() const override { return "ScanBackward"; }

  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const int states = scan.program.states;
    const Device device = read[0].get().device();
    std::vector<Tensor> held(grads.begin(), grads.end());  // spikes, trace, rate, state variables
    for (Tensor& grad : held)
      if (grad.defined()) grad = grad.to(dtype_of<R>);
    std::vector<Tensor> results(1 + static_cast<std::size_t>(states));
    ScanGradOutput<R> grad_out;
    const auto wanted = [&](int i, const Shape& shape) -> R* {
      if (!needs(i)) return nullptr;
      Tensor& result = results[static_cast<std::size_t>(i)];
      result = empty(shape, {.dtype = dtype_of<R>, .device = device});
      return mutable_data_or_null<R>(result);
    };
    grad_out.x = wanted(0, read[0].get().shape());
    for (int k = 0; k < states; ++k) grad_out.state[k] = wanted(1 + k, step);
    Tensor sums = learnables.empty()
                      ? Tensor()
                      : zeros({scan.program.learnables}, {.dtype = DType::f64, .device = device});
    grad_out.learnables = mutable_data_or_null<double>(sums);

    kernel_for("scan", device, ScanKernels<R>::backward)(device, input(), gradients_of(held),
                                                         grad_out);
    for (Tensor& gradient : learnable_gradients(learnables, sums))
      results.push_back(std::move(gradient));
    return results;
  }

  void release() override {
    read.clear();
    checkpoints.reset();
  }

 private:
  ScanInput<R> input() const {
    ScanInput<R> in = scan;
    in.x = data_or_null<R>(read[0].get());
    for (int k = 0; k < in.program.states; ++k)
      in.state[k] = data_or_null<R>(read[static_cast<std::size_t>(k) + 1].get());
    learnables_of(learnables, in.learnables);
    in.checkpoints = const_cast<R*>(data_or_null<R>(checkpoints.get()));
    return in;
  }

  ScanGradInput<R> gradients_of(const std::vector<Tensor>& held) const {
    ScanGradInput<R> grad_in{data_or_null<R>(held[0]), data_or_null<R>(held[1]),
                             data_or_null<R>(held[2])};
    for (int k = 0; k < scan.program.states; ++k)
      grad_in.state[k] = data_or_null<R>(held[static_cast<std::size_t>(k) + 3]);
    return grad_in;
  }
};

/// The state at regular distances in time, for the backward pass of a CUDA device.
template <class R>
Tensor checkpoints_for(const ScanInput<R>& in, Device device) {
  const std::int64_t count = checkpoint_count(in.steps);
  if (device == cpu_device || count == 0) return {};
  return empty({count, in.program.states, in.neurons}, {.dtype = dtype_of<R>, .device = device});
}

template <class R>
ScanResult run(const Neuron& neuron, const Tensor& x, const NeuronState& state,
               const ScanOptions& options, const Extent& extent) {
  ScanInput<R> in{.program = program_of<R>(neuron),
                  .steps = extent.steps,
                  .neurons = extent.step.numel(),
                  .x = data_or_null<R>(x),
                  .static_input = options.steps > 0};
  const std::vector<Tensor> inputs = inputs_of(neuron, x, state);
  const std::span<const Tensor> initial(inputs.data() + 1,
                                        static_cast<std::size_t>(in.program.states));
  for (std::size_t k = 0; k < initial.size(); ++k) in.state[k] = data_or_null<R>(initial[k]);
  learnables_of(neuron.learnables, in.learnables);

  ScanResult result;
  ScanOutput<R> out;
  const Device device = x.device();
  const TensorOptions real{.dtype = dtype_of<R>, .device = device};
  if (options.packed) {
    result.spikes = empty(extent.sequence, {.dtype = DType::bits, .device = device});
    out.words = mutable_data_or_null<std::uint64_t>(result.spikes);
    out.columns = extent.step[-1];
  } else {
    result.spikes = empty(extent.sequence, real);
    out.spikes = mutable_data_or_null<R>(result.spikes);
  }
  if (options.trace) result.trace = empty(extent.sequence, real);
  if (options.rate) result.rate = empty(extent.step, real);
  out.trace = mutable_data_or_null<R>(result.trace);
  out.rate = mutable_data_or_null<R>(result.rate);
  std::vector<Tensor> last(options.final_state ? initial.size() : 0);
  for (std::size_t k = 0; k < last.size(); ++k) {
    last[k] = empty(extent.step, real);
    out.state[k] = mutable_data_or_null<R>(last[k]);
  }
  const bool recorded = grad_needed(inputs);
  Tensor checkpoints = recorded ? checkpoints_for(in, device) : Tensor();
  out.checkpoints = mutable_data_or_null<R>(checkpoints);
  kernel_for("scan", device, ScanKernels<R>::forward)(device, in, out);

  if (recorded) {
    auto node = std::make_shared<ScanBackward<R>>();
    node->scan = in;
    node->read.emplace_back(x);
    for (const Tensor& variable : initial) node->read.emplace_back(variable);
    node->checkpoints = checkpoints;
    node->learnables = neuron.learnables;
    node->step = extent.step;
    std::vector<Tensor> outputs{result.spikes, result.trace, result.rate};
    outputs.insert(outputs.end(), last.begin(), last.end());
    outputs.resize(3 + initial.size());
    attach(std::move(node), inputs, outputs);
  }
  result.state = options.final_state ? NeuronState(std::move(last)) : NeuronState::not_kept();
  return result;
}

}  // namespace

ScanResult scan(const Neuron& neuron, const Tensor& x, const NeuronState& state,
                const ScanOptions& options) {
  const Extent extent = extent_of(neuron, x, options.steps);
  check_scan(neuron, x, state, extent);
  if (options.packed) check_packed(neuron, extent);
  return detail::visit_real(neuron.name().c_str(), x.dtype(), [&]<class R>(detail::Type<R>) {
    return run<R>(neuron, x, state, options, extent);
  });
}

}  // namespace ranvier
