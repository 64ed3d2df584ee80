#include "ranvier/ops/fused/norm_neuron_pool.h"

#include <span>
#include <utility>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/fused/detail/fused_cpu.h"
#include "ranvier/ops/neurons/detail/scan_op.h"

namespace ranvier {
namespace {

using namespace neurons;

void check(const Neuron& neuron, const Tensor& x, const Tensor& gamma, const Tensor& beta,
           const NormNeuronPoolOptions& options, const Extent& extent) {
  RV_CHECK(extent.step.rank() >= 1, "[norm_neuron_pool] x needs a channel axis; its shape is {}.",
           x.shape());
  for (const auto& [name, tensor] : {std::pair("gamma", &gamma), std::pair("beta", &beta)})
    RV_CHECK(!tensor->defined() ||
                 (tensor->shape() == Shape{x.size(-1)} && tensor->dtype() == x.dtype()),
             "[norm_neuron_pool] {} must be {} ({},) for x {}; got {} {}.", name, x.dtype(),
             x.size(-1), x.shape(), tensor->dtype(), tensor->shape());
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
template <class R>
struct NormNeuronPoolBackward final : Node {
  fused::Input<R> input;    // its pointers are set in backward
  std::vector<Saved> read;  // x, gamma, beta and the state's variables
  std::vector<Tensor> learnables;
  BatchStatistics statistics;
  BatchAffine affine;
  double eps = 0;
  Shape step;

  const char* name() const override { return "NormNeuronPoolBackward"; }

  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const int states = input.program.states;
    fused::Input<R> in = input;
    in.x = read[0].get().template data<R>();
    in.scale = affine.scale.data<R>();
    in.shift = affine.shift.data<R>();
    fused::GradInput<R> grad_in;
    std::vector<Tensor> held(grads.begin(), grads.end());  // spikes, state variables
    for (Tensor& grad : held)
      if (grad.defined()) grad = grad.to(dtype_of<R>);
    grad_in.spikes = data_or_null<R>(held[0]);
    for (int k = 0; k < states; ++k) {
      in.state[k] = data_or_null<R>(read[static_cast<std::size_t>(k) + 3].get());
      grad_in.state[k] = data_or_null<R>(held[static_cast<std::size_t>(k) + 1]);
    }

    std::vector<Tensor> results(3 + static_cast<std::size_t>(states) + learnables.size());
    fused::GradOutput<R> grad_out;
    const auto wanted = [&](int i, const Shape& shape) -> R* {
      if (!needs(i)) return nullptr;
      Tensor& result = results[static_cast<std::size_t>(i)];
      result = empty(shape, {.dtype = dtype_of<R>});
      return result.mutable_data<R>();
    };
    R* const grad_x = wanted(0, read[0].get().shape());
    for (int k = 0; k < states; ++k) grad_out.state[k] = wanted(3 + k, step);
    double grad_learnables[max_learnables];
    if (!learnables.empty()) grad_out.learnables = grad_learnables;
    const Tensor centre = statistics.mean.to(dtype_of<R>);
    BatchNormSums sums{empty_like(statistics.mean), empty_like(statistics.mean)};
    grad_out.y = grad_x;
    grad_out.centre = centre.data<R>();
    grad_out.sum = sums.grad.mutable_data<double>();
    grad_out.sum_x = sums.grad_x.mutable_data<double>();
    fused::backward_cpu(in, grad_in, grad_out);

    const BatchNormGradient of =
        batch_norm_gradient(statistics, sums, read[1].get(), eps, dtype_of<R>);
    if (grad_x != nullptr) fused::norm_gradient_cpu(in, coefficients(of), grad_x);
    results[1] = of.gamma;
    results[2] = of.beta;
    for (std::size_t l = 0; l < learnables.size(); ++l)
      results[3 + static_cast<std::size_t>(states) + l] =
          full(learnables[l].shape(), grad_learnables[l], {.dtype = learnables[l].dtype()});
    return results;
  }

  fused::NormGradient<R> coefficients(const BatchNormGradient& of) const {
    return {of.scale.data<R>(), statistics.count > 0 ? of.slope.data<R>() : nullptr,
            of.centre.data<R>(), of.offset.data<R>()};
  }

  void release() override { read.clear(); }
};

template <class R>
NormNeuronPoolResult run(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                         const BatchStatistics& statistics, const Neuron& neuron,
                         const NeuronState& state, const NormNeuronPoolOptions& options,
                         const Extent& extent) {
  const BatchAffine affine = batch_affine(statistics, gamma, beta, options.norm.eps, dtype_of<R>);
  fused::Input<R> in{.program = program_of<R>(neuron),
                     .geometry = geometry_of(extent.step, options),
                     .steps = extent.steps,
                     .groups = affine.scale.size(0),
                     .static_input = options.steps > 0,
                     .x = x.data<R>(),
                     .scale = affine.scale.data<R>(),
                     .shift = affine.shift.data<R>()};
  std::vector<Tensor> inputs = inputs_of(neuron, x, state);
  inputs.insert(inputs.begin() + 1, {gamma, beta});
  const std::span<const Tensor> initial(inputs.data() + 3,
                                        static_cast<std::size_t>(in.program.states));
  for (std::size_t k = 0; k < initial.size(); ++k) in.state[k] = data_or_null<R>(initial[k]);

  NormNeuronPoolResult result;
  fused::Output<R> out;
  result.spikes =
      empty(output_shape(extent, options), {.dtype = options.packed ? DType::bits : dtype_of<R>});
  if (options.packed)
    out.words = result.spikes.mutable_data<std::uint64_t>();
  else
    out.spikes = result.spikes.mutable_data<R>();
  std::vector<Tensor> last(options.final_state ? initial.size() : 0);
  for (std::size_t k = 0; k < last.size(); ++k) {
    last[k] = empty(extent.step, {.dtype = dtype_of<R>});
    out.state[k] = last[k].mutable_data<R>();
  }
  fused::forward_cpu(in, out);

  if (grad_needed(inputs)) {
    auto node = std::make_shared<NormNeuronPoolBackward<R>>();
    node->input = in;
    for (const Tensor* tensor : {&x, &gamma, &beta}) node->read.emplace_back(*tensor);
    for (const Tensor& variable : initial) node->read.emplace_back(variable);
    node->learnables = neuron.learnables;
    node->statistics = statistics;
    node->affine = affine;
    node->eps = options.norm.eps;
    node->step = extent.step;
    std::vector<Tensor> outputs{result.spikes};
    outputs.insert(outputs.end(), last.begin(), last.end());
    outputs.resize(1 + initial.size());
    attach(std::move(node), inputs, outputs);
  }
  result.state = options.final_state ? NeuronState(std::move(last)) : NeuronState::not_kept();
  return result;
}

}  // namespace

NormNeuronPoolResult norm_neuron_pool(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                      const RunningStatistics& running, const Neuron& neuron,
                                      const NeuronState& state,
                                      const NormNeuronPoolOptions& options) {
  const Extent extent = extent_of(neuron, x, options.steps);
  check_scan(neuron, x, state, extent);
  check(neuron, x, gamma, beta, options, extent);
  BatchNormOptions norm = options.norm;
  if (options.steps > 0 && norm.mode == BatchNormMode::step) norm.mode = BatchNormMode::batch;
  const BatchStatistics statistics = batch_norm_statistics(x, running, norm);
  return detail::visit_real("norm_neuron_pool", x.dtype(), [&]<class R>(detail::Type<R>) {
    return run<R>(x, gamma, beta, statistics, neuron, state, options, extent);
  });
}

}  // namespace ranvier
