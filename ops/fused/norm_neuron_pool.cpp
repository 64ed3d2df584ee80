#include "ranvier/ops/fused/norm_neuron_pool.h"

#include <span>
#include <utility>

#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/fused/detail/fused_kernels.h"
#include "ranvier/ops/neurons/detail/scan_op.h"
#include "ranvier/ops/neurons/detail/state_passage.h"
#include "ranvier/ops/pool/pool2d.h"

namespace ranvier {
namespace {

using namespace neurons;

constexpr const char* op = "norm_neuron_pool";

void check(const Neuron& neuron, const Tensor& x, const Tensor& gamma, const Tensor& beta,
           const NormNeuronPoolOptions& options, const Extent& extent) {
  const DType real = detail::computed_dtype(x.dtype());
  RV_CHECK(extent.step.rank() >= 1, "[norm_neuron_pool] x needs a channel axis; its shape is {}.",
           x.shape());
  for (const auto& [name, tensor] : {std::pair("gamma", &gamma), std::pair("beta", &beta)})
    RV_CHECK(
        !tensor->defined() || (tensor->shape() == Shape{x.size(-1)} && tensor->dtype() == real),
        "[norm_neuron_pool] {} must be {} ({},) for x {}; got {} {}.", name, real, x.size(-1),
        x.shape(), tensor->dtype(), tensor->shape());
  for (const auto& [name, tensor] : {std::pair("gamma", &gamma), std::pair("beta", &beta)})
    if (tensor->defined() && tensor->device() != x.device())
      fail(ErrorCode::device,
           "[norm_neuron_pool] {} is on {} and x on {}; all must be on one device.", name,
           tensor->device(), x.device());
  if (options.packed) {
    check_packed(neuron, extent);
    RV_CHECK(options.pool != SpikePool::average,
             "[norm_neuron_pool] a mean of spikes cannot be packed.");
  }
  if (options.pool == SpikePool::none) return;
  RV_CHECK(options.kernel >= 1, "[norm_neuron_pool] kernel must be >= 1; got {}.", options.kernel);
  RV_CHECK(extent.step.rank() >= 3,
           "[norm_neuron_pool] a pool needs x [..., H, W, C]; the shape of a step is {}.",
           extent.step);
  RV_CHECK(extent.step[-3] >= options.kernel && extent.step[-2] >= options.kernel,
           "[norm_neuron_pool] the window of {} x {} is larger than the image; a step of x is {}.",
           options.kernel, options.kernel, extent.step);
}

fused::Geometry geometry_of(const Shape& step, const NormNeuronPoolOptions& options) {
  if (options.pool == SpikePool::none)
    return {1, 1, step.sub(0, step.rank() - 1).numel(), step[-1], 1, SpikePool::none};
  return {step.sub(0, step.rank() - 3).numel(),
          step[-3],
          step[-2],
          step[-1],
          options.kernel,
          options.pool};
}

Shape output_shape(const Extent& extent, const NormNeuronPoolOptions& options) {
  if (options.pool == SpikePool::none) return extent.sequence;
  return extent.sequence.with(-3, extent.step[-3] / options.kernel)
      .with(-2, extent.step[-2] / options.kernel);
}

/// Keeps x, the statistics and the initial state; backward recomputes everything between.
template <class S>
struct NormNeuronPoolBackward final : Node {
  using R = detail::Computed<S>;
  fused::Input<S> input;    // its pointers are set in backward
  std::vector<Saved> read;  // x, gamma, beta and the state's variables
  Saved checkpoints;        // on a CUDA device
  std::vector<Tensor> learnables;
  norm::Normalisation of;
  Shape step;
  StateRelay* relay = nullptr;  // as in `ScanBackward`

  const char* name() const override { return "NormNeuronPoolBackward"; }

  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const int states = input.program.states;
    const Device device = read[0].get().device();
    // Spikes, state variables.
    std::vector<Tensor> held(grads.begin(), grads.begin() + 1 + states);
    for (std::size_t i = 0; i < held.size(); ++i)
      if (held[i].defined()) held[i] = held[i].to(i == 0 ? dtype_of<S> : dtype_of<R>);

    std::vector<Tensor> results(3 + static_cast<std::size_t>(states));
    fused::GradOutput<S> grad_out;
    const bool hands_on = has_before(relay);
    const auto wanted = [&]<class T>(int i, const Shape& shape, detail::Type<T>) -> T* {
      if (!needs(i) && (i == 0 || !hands_on)) return nullptr;
      Tensor& result = results[static_cast<std::size_t>(i)];
      result = empty(shape, {.dtype = dtype_of<T>, .device = device});
      return mutable_data_or_null<T>(result);
    };
    S* const grad_x = wanted(0, read[0].get().shape(), detail::Type<S>{});
    for (int k = 0; k < states; ++k) grad_out.state[k] = wanted(3 + k, step, detail::Type<R>{});
    Tensor learnt = learnables.empty() ? Tensor()
                                       : empty({input.program.learnables},
                                               {.dtype = DType::f64, .device = device});
    grad_out.learnables = mutable_data_or_null<double>(learnt);
    norm::GradientSums sums;
    grad_out.y = grad_x;
    grad_out.centre = data_or_null<R>(of.centre);
    grad_out.sums = &sums;
    StatePassage passage(relay, StatePassage::Way::backward, {held.begin() + 1, held.end()},
                         {results.begin() + 3, results.end()}, step,
                         {.dtype = dtype_of<R>, .device = device});
    fused::GradInput<S> grad_in{.spikes = data_or_null<S>(held[0]), .state = {}};
    for (int k = 0; k < states; ++k)
      grad_in.state[k] = data_or_null<R>(passage.arriving()[static_cast<std::size_t>(k)]);
    fused::Input<S> in = inputs();
    in.pieces = passage.pieces();
    const Tensor of_y =
        kernel_for(op, device, fused::Kernels<S>::backward)(device, in, grad_in, grad_out);
    passage.finish();

    const norm::Gradient by = norm::gradient(of, sums, read[1].get());
    if (grad_x != nullptr)
      kernel_for(op, device, fused::Kernels<S>::input_gradient)(device, in, grad_in,
                                                                coefficients(by), of_y, grad_x);
    results[1] = by.gamma;
    results[2] = by.beta;
    for (Tensor& gradient : learnable_gradients(learnables, learnt))
      results.push_back(std::move(gradient));
    return results;
  }

  void release() override {
    read.clear();
    checkpoints.reset();
  }

 private:
  fused::Input<S> inputs() const {
    fused::Input<S> in = input;
    in.x = data_or_null<S>(read[0].get());
    in.scale = data_or_null<R>(of.affine.scale);
    in.shift = data_or_null<R>(of.affine.shift);
    for (int k = 0; k < in.program.states; ++k)
      in.state[k] = data_or_null<R>(read[static_cast<std::size_t>(k) + 3].get());
    learnables_of(learnables, in.learnables);
    in.checkpoints = data_or_null<R>(checkpoints.get());
    return in;
  }

  fused::NormGradient<R> coefficients(const norm::Gradient& by) const {
    const bool of_x = of.statistics.count > 0;
    return {data_or_null<R>(by.scale), of_x ? data_or_null<R>(by.slope) : nullptr,
            data_or_null<R>(of.centre), data_or_null<R>(by.offset)};
  }
};

/// The state at regular distances in time, for the backward pass of a CUDA device.
template <class S>
Tensor checkpoints_for(const fused::Input<S>& in, Device device) {
  const std::int64_t count = fused::checkpoint_count(in.steps);
  if (device == cpu_device || count == 0) return {};
  return empty({count, in.program.states, in.geometry.neurons()},
               {.dtype = dtype_of<detail::Computed<S>>, .device = device});
}

template <class S>
NormNeuronPoolResult run(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                         const norm::Normalisation& of, const Neuron& neuron,
                         const NeuronState& state, const NormNeuronPoolOptions& options,
                         const Extent& extent) {
  using R = detail::Computed<S>;
  const Device device = x.device();
  fused::Input<S> in{.program = program_of<R>(neuron),
                     .geometry = geometry_of(extent.step, options),
                     .steps = extent.steps,
                     .groups = of.affine.scale.size(0),
                     .static_input = options.steps > 0,
                     .x = data_or_null<S>(x),
                     .scale = data_or_null<R>(of.affine.scale),
                     .shift = data_or_null<R>(of.affine.shift)};
  learnables_of(neuron.learnables, in.learnables);

  NormNeuronPoolResult result;
  fused::Output<S> out;
  result.spikes = empty(output_shape(extent, options),
                        {.dtype = options.packed ? DType::bits : dtype_of<S>, .device = device});
  if (options.packed)
    out.words = mutable_data_or_null<std::uint64_t>(result.spikes);
  else
    out.spikes = mutable_data_or_null<S>(result.spikes);
  const TensorOptions real{.dtype = dtype_of<R>, .device = device};
  std::vector<Tensor> last;
  if (options.final_state || has_after(options.relay))
    for (int k = 0; k < neuron.states(); ++k) {
      last.push_back(empty(extent.step, real));
      out.state[k] = mutable_data_or_null<R>(last.back());
    }
  StatePassage passage(options.relay, StatePassage::Way::forward,
                       variables_of(state, neuron.states()), last, extent.step, real);
  const std::vector<Tensor>& first = passage.arriving();
  for (std::size_t k = 0; k < first.size(); ++k) in.state[k] = data_or_null<R>(first[k]);
  in.pieces = passage.pieces();
  std::vector<Tensor> inputs = inputs_of(neuron, x, first);
  inputs.insert(inputs.begin() + 1, {gamma, beta});
  const bool recorded = must_record(inputs, options.relay);
  Tensor checkpoints = recorded ? checkpoints_for(in, device) : Tensor();
  out.checkpoints = mutable_data_or_null<R>(checkpoints);
  kernel_for(op, device, fused::Kernels<S>::forward)(device, in, out);
  passage.finish();

  if (recorded) {
    auto node = std::make_shared<NormNeuronPoolBackward<S>>();
    node->input = in;
    for (const Tensor* tensor : {&x, &gamma, &beta}) node->read.emplace_back(*tensor);
    for (const Tensor& variable : first) node->read.emplace_back(variable);
    node->checkpoints = checkpoints;
    node->learnables = neuron.learnables;
    node->of = of;
    node->step = extent.step;
    node->relay = options.relay;
    std::vector<Tensor> outputs{result.spikes};
    outputs.insert(outputs.end(), last.begin(), last.end());
    outputs.resize(1 + first.size());
    attach_scan(std::move(node), inputs, std::move(outputs), options.relay);
  }
  result.state = options.final_state ? NeuronState(std::move(last)) : NeuronState::not_kept();
  return result;
}

/// The largest of real numbers, which has no fused kernel on a CUDA device.
NormNeuronPoolResult max_pooled_readout(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                        const RunningStatistics& running, const Neuron& neuron,
                                        const NeuronState& state,
                                        const NormNeuronPoolOptions& options) {
  const Tensor y = batch_norm(x, gamma, beta, running, options.norm);
  const ScanResult scanned =
      scan(neuron, y, state,
           {.steps = options.steps, .final_state = options.final_state, .relay = options.relay});
  return {max_pool2d(scanned.spikes, {.kernel = {options.kernel, options.kernel}}), scanned.state};
}

/// `x`, widened where there are no kernels for 16-bit floats.
Tensor readable(const Tensor& x, const Neuron& neuron, const NormNeuronPoolOptions& options) {
  const bool fits = x.device() != cpu_device && neuron.spiking() && x.rank() > 0 &&
                    x.size(-1) % 4 == 0 &&
                    reinterpret_cast<std::uintptr_t>(x.raw_data()) % 8 == 0 &&
                    options.norm.mode != BatchNormMode::step;
  return fits ? x : widened(x);
}

}  // namespace

NormNeuronPoolResult norm_neuron_pool(const Tensor& given, const Tensor& gamma, const Tensor& beta,
                                      const RunningStatistics& running, const Neuron& neuron,
                                      const NeuronState& state,
                                      const NormNeuronPoolOptions& options) {
  const OperationScope operation(op);
  const Tensor x = readable(given, neuron, options);
  const Extent extent = extent_of(neuron, x, options.steps);
  check_scan(neuron, x, state, extent);
  check_relay(neuron, state, options.relay);
  check(neuron, x, gamma, beta, options, extent);
  NormNeuronPoolOptions used = options;
  if (options.steps > 0 && options.norm.mode == BatchNormMode::step)
    used.norm.mode = BatchNormMode::batch;
  if (x.device() != cpu_device && !neuron.spiking() && options.pool == SpikePool::max)
    return max_pooled_readout(x, gamma, beta, running, neuron, state, used);
  const norm::Normalisation of = norm::normalisation(x, gamma, beta, running, used.norm);
  return detail::visit_floating(op, x.dtype(), [&]<class S>(detail::Type<S>) {
    return run<S>(x, gamma, beta, of, neuron, state, used, extent);
  });
}

}  // namespace ranvier
