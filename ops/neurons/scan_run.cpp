#include "ranvier/ops/neurons/detail/scan_run.h"

#include <algorithm>
#include <span>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/tape.h"

namespace ranvier::neurons {
namespace {

using detail::Type;

/// A gradient that kernels can read: those for 16-bit floats need aligned ones.
template <class R, class S>
Tensor readable_as(const Tensor& grad) {
  const bool aligned = reinterpret_cast<std::uintptr_t>(grad.raw_data()) % 16 == 0;
  return std::is_same_v<R, S> || aligned ? grad : clone(grad);
}

/// Keeps x and the initial state only; backward recomputes the membrane. Where ranks share time, it
/// takes the gradient of the state over from the next one and hands it on to the one before.
template <class R, class S>
struct ScanBackward final : Node {
  ScanInput<R, S> scan;     // its pointers are set in backward
  std::vector<Saved> read;  // x and the state's variables
  Saved checkpoints;        // on a CUDA device
  std::vector<Tensor> learnables;
  Shape step;
  StateRelay* relay = nullptr;

  const char* name() const override { return "ScanBackward"; }

  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const int states = scan.program.states;
    const Device device = read[0].get().device();
    // Spikes, trace, rate, state variables.
    std::vector<Tensor> held(grads.begin(), grads.begin() + 3 + states);
    for (std::size_t i = 0; i < held.size(); ++i)
      if (held[i].defined())
        held[i] = readable_as<R, S>(held[i].to(i == 0 ? dtype_of<S> : dtype_of<R>));
    std::vector<Tensor> results(1 + static_cast<std::size_t>(states));
    ScanGradOutput<R, S> grad_out;
    const bool hands_on = has_before(relay);
    const auto wanted = [&]<class T>(Type<T>, int i, const Shape& shape) -> T* {
      if (!needs(i) && (i == 0 || !hands_on)) return nullptr;
      Tensor& result = results[static_cast<std::size_t>(i)];
      result = empty(shape, {.dtype = dtype_of<T>, .device = device});
      return mutable_data_or_null<T>(result);
    };
    grad_out.x = wanted(Type<S>{}, 0, read[0].get().shape());
    for (int k = 0; k < states; ++k) grad_out.state[k] = wanted(Type<R>{}, 1 + k, step);
    Tensor sums = learnables.empty()
                      ? Tensor()
                      : zeros({scan.program.learnables}, {.dtype = DType::f64, .device = device});
    grad_out.learnables = mutable_data_or_null<double>(sums);

    StatePassage passage(relay, StatePassage::Way::backward, {held.begin() + 3, held.end()},
                         {results.begin() + 1, results.end()}, step,
                         {.dtype = dtype_of<R>, .device = device});
    std::copy(passage.arriving().begin(), passage.arriving().end(), held.begin() + 3);
    ScanInput<R, S> in = input();
    in.pieces = passage.pieces();
    kernel_for("scan", device, ScanKernels<R, S>::backward)(device, in, gradients_of(held),
                                                            grad_out);
    passage.finish();
    for (Tensor& gradient : learnable_gradients(learnables, sums))
      results.push_back(std::move(gradient));
    return results;
  }

  void release() override {
    read.clear();
    checkpoints.reset();
  }

 private:
  ScanInput<R, S> input() const {
    ScanInput<R, S> in = scan;
    in.x = data_or_null<S>(read[0].get());
    for (int k = 0; k < in.program.states; ++k)
      in.state[k] = data_or_null<R>(read[static_cast<std::size_t>(k) + 1].get());
    learnables_of(learnables, in.learnables);
    in.checkpoints = const_cast<R*>(data_or_null<R>(checkpoints.get()));
    return in;
  }

  ScanGradInput<R, S> gradients_of(const std::vector<Tensor>& held) const {
    ScanGradInput<R, S> grad_in{data_or_null<S>(held[0]), data_or_null<R>(held[1]),
                                data_or_null<R>(held[2])};
    for (int k = 0; k < scan.program.states; ++k)
      grad_in.state[k] = data_or_null<R>(held[static_cast<std::size_t>(k) + 3]);
    return grad_in;
  }
};

}  // namespace

template <class R, class S>
ScanRun<R, S>::ScanRun(const Neuron& neuron, const Tensor& x, const ScanOptions& options)
    : neuron_(neuron), x_(x), options_(options), extent_(extent_of(neuron, x, options.steps)) {
  const TensorOptions real{.dtype = dtype_of<R>, .device = x.device()};
  result_.spikes = empty(extent_.sequence, {.dtype = options.packed ? DType::bits : dtype_of<S>,
                                            .device = x.device()});
  if (options.trace) result_.trace = empty(extent_.sequence, real);
  if (options.rate) result_.rate = empty(extent_.step, real);
  if (options.final_state || has_after(options.relay))
    for (int k = 0; k < neuron.states(); ++k) last_.push_back(empty(extent_.step, real));
}

template <class R, class S>
ScanInput<R, S> ScanRun<R, S>::input() const {
  ScanInput<R, S> in{.program = program_of<R>(neuron_),
                     .steps = extent_.steps,
                     .neurons = extent_.step.numel(),
                     .x = data_or_null<S>(x_),
                     .static_input = options_.steps > 0};
  for (std::size_t k = 0; k < first_.size(); ++k) in.state[k] = data_or_null<R>(first_[k]);
  learnables_of(neuron_.learnables, in.learnables);
  return in;
}

template <class R, class S>
ScanOutput<R, S> ScanRun<R, S>::output() {
  ScanOutput<R, S> out;
  if (options_.packed) {
    out.words = mutable_data_or_null<std::uint64_t>(result_.spikes);
    out.columns = extent_.step[-1];
  } else {
    out.spikes = mutable_data_or_null<S>(result_.spikes);
  }
  out.trace = mutable_data_or_null<R>(result_.trace);
  out.rate = mutable_data_or_null<R>(result_.rate);
  for (std::size_t k = 0; k < last_.size(); ++k) out.state[k] = mutable_data_or_null<R>(last_[k]);
  out.checkpoints = mutable_data_or_null<R>(checkpoints_);
  return out;
}

template <class R, class S>
void ScanRun<R, S>::forward(const NeuronState& state) {
  first_ = variables_of(state, neuron_.states());
  const Device device = x_.device();
  StatePassage passage(options_.relay, StatePassage::Way::forward, first_, last_, extent_.step,
                       {.dtype = dtype_of<R>, .device = device});
  first_ = passage.arriving();
  // On the CPU, backward does without.
  if (device != cpu_device && must_record(inputs_of(neuron_, x_, first_), options_.relay))
    make_checkpoints();
  ScanInput<R, S> in = input();
  in.pieces = passage.pieces();
  kernel_for("scan", device, ScanKernels<R, S>::forward)(device, in, output());
  passage.finish();
}

template <class R, class S>
void ScanRun<R, S>::forward_with_checkpoints(const NeuronState& state) {
  first_ = variables_of(state, neuron_.states());
  make_checkpoints();
  kernel_for("scan", x_.device(), ScanKernels<R, S>::forward)(x_.device(), input(), output());
}

template <class R, class S>
std::int64_t ScanRun<R, S>::repair(const NeuronState& state) {
  first_ = variables_of(state, neuron_.states());
  return kernel_for("scan", x_.device(), ScanKernels<R, S>::repair)(x_.device(), input(), output());
}

template <class R, class S>
void ScanRun<R, S>::make_checkpoints() {
  if (const std::int64_t count = checkpoint_count(extent_.steps); count > 0)
    checkpoints_ = empty({count, neuron_.states(), extent_.step.numel()},
                         {.dtype = dtype_of<R>, .device = x_.device()});
}

template <class R, class S>
ScanResult ScanRun<R, S>::record() {
  const std::vector<Tensor> inputs = inputs_of(neuron_, x_, first_);
  if (must_record(inputs, options_.relay)) {
    auto node = std::make_shared<ScanBackward<R, S>>();
    node->scan = input();
    for (std::size_t i = 0; i < 1 + first_.size(); ++i) node->read.emplace_back(inputs[i]);
    if (x_.device() != cpu_device) node->checkpoints = checkpoints_;
    node->learnables = neuron_.learnables;
    node->step = extent_.step;
    node->relay = options_.relay;
    std::vector<Tensor> outputs{result_.spikes, result_.trace, result_.rate};
    outputs.insert(outputs.end(), last_.begin(), last_.end());
    outputs.resize(3 + first_.size());
    attach_scan(std::move(node), inputs, std::move(outputs), options_.relay);
  }
  result_.state = options_.final_state ? NeuronState(std::move(last_)) : NeuronState::not_kept();
  return std::move(result_);
}

template class ScanRun<float>;
template class ScanRun<double>;
template class ScanRun<float, bfloat16>;
template class ScanRun<float, float16>;

}  // namespace ranvier::neurons
