#include "ranvier/ops/neurons/scan.h"

#include <span>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/neurons/detail/scan_cpu.h"
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
  std::vector<Tensor> learnables;
  Shape step;

  const char* name() const override { return "ScanBackward"; }

  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    ScanInput<R> in = scan;
    const int states = in.program.states;
    in.x = read[0].get().template data<R>();
    for (int k = 0; k < states; ++k)
      in.state[k] = data_or_null<R>(read[static_cast<std::size_t>(k) + 1].get());

    std::vector<Tensor> held(grads.begin(), grads.end());  // spikes, trace, rate, state variables
    for (Tensor& grad : held)
      if (grad.defined()) grad = grad.to(dtype_of<R>);
    ScanGradInput<R> grad_in{data_or_null<R>(held[0]), data_or_null<R>(held[1]),
                             data_or_null<R>(held[2])};
    for (int k = 0; k < states; ++k)
      grad_in.state[k] = data_or_null<R>(held[static_cast<std::size_t>(k) + 3]);

    std::vector<Tensor> results(1 + static_cast<std::size_t>(states) + learnables.size());
    ScanGradOutput<R> grad_out;
    const auto wanted = [&](int i, const Shape& shape) -> R* {
      if (!needs(i)) return nullptr;
      Tensor& result = results[static_cast<std::size_t>(i)];
      result = empty(shape, {.dtype = dtype_of<R>});
      return result.mutable_data<R>();
    };
    grad_out.x = wanted(0, read[0].get().shape());
    for (int k = 0; k < states; ++k) grad_out.state[k] = wanted(1 + k, step);
    double grad_learnables[max_learnables];
    if (!learnables.empty()) grad_out.learnables = grad_learnables;

    scan_backward_cpu(in, grad_in, grad_out);
    for (std::size_t l = 0; l < learnables.size(); ++l)
      if (needs(1 + states + static_cast<int>(l)))
        results[1 + static_cast<std::size_t>(states) + l] =
            full(learnables[l].shape(), grad_learnables[l], {.dtype = learnables[l].dtype()});
    return results;
  }

  void release() override { read.clear(); }
};

template <class R>
ScanResult run(const Neuron& neuron, const Tensor& x, const NeuronState& state,
               const ScanOptions& options, const Extent& extent) {
  ScanInput<R> in{.program = program_of<R>(neuron),
                  .steps = extent.steps,
                  .neurons = extent.step.numel(),
                  .x = x.data<R>(),
                  .static_input = options.steps > 0};
  const std::vector<Tensor> inputs = inputs_of(neuron, x, state);
  const std::span<const Tensor> initial(inputs.data() + 1,
                                        static_cast<std::size_t>(in.program.states));
  for (int k = 0; k < in.program.states; ++k)
    in.state[k] = data_or_null<R>(initial[static_cast<std::size_t>(k)]);

  ScanResult result;
  ScanOutput<R> out;
  const TensorOptions real{.dtype = dtype_of<R>};
  if (options.packed) {
    result.spikes = empty(extent.sequence, {.dtype = DType::bits});
    out.words = result.spikes.mutable_data<std::uint64_t>();
    out.columns = extent.step[-1];
  } else {
    result.spikes = empty(extent.sequence, real);
    out.spikes = result.spikes.mutable_data<R>();
  }
  if (options.trace) result.trace = empty(extent.sequence, real);
  if (options.rate) result.rate = empty(extent.step, real);
  if (options.trace) out.trace = result.trace.mutable_data<R>();
  if (options.rate) out.rate = result.rate.mutable_data<R>();
  std::vector<Tensor> last(options.final_state ? initial.size() : 0);
  for (std::size_t k = 0; k < last.size(); ++k) {
    last[k] = empty(extent.step, real);
    out.state[k] = last[k].mutable_data<R>();
  }
  scan_forward_cpu(in, out);

  if (grad_needed(inputs)) {
    auto node = std::make_shared<ScanBackward<R>>();
    node->scan = in;
    node->read.emplace_back(x);
    for (const Tensor& variable : initial) node->read.emplace_back(variable);
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
