// Backward of norm_neuron_pool on a CUDA device.
//
// A sequence is walked twice: once for the sums per channel, which cost no writing, and once more,
// with the coefficients that follow from them, to write the gradient of x. A static input, whose
// gradient is written once for all steps, and step-wise statistics are walked once, leaving the
// gradient of y, which batch norm's own kernels then turn into that of x.
#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/ops/fused/detail/backward_device.h"
#include "ranvier/ops/norm/detail/batch_norm_cuda.h"

namespace ranvier::fused::device {
namespace {

template <class S>
bool walked_twice(const Input<S>& in) {
  return !in.static_input && in.groups == 1;
}

template <class S>
bool in_fours(const BackwardArgs<S>& args) {
  const Input<S>& in = args.in;
  return !std::is_same_v<S, double> &&
         cuda::in_packs<S, 4>(args.grid.channels, {in.x, args.grad_in.spikes, args.grad_x}) &&
         cuda::in_packs<Computed<S>>(
             args.grid.channels,
             {in.scale, in.shift, in.state[0], in.state[1], args.grad_in.state[0],
              args.grad_in.state[1], args.grad_state[0], args.grad_state[1], args.centre});
}

/// One walk. `sums`: wanted; then the result holds the blocks' shares [1, blocks, 2, channels].
template <class S>
Tensor walk(Device device, BackwardArgs<S>& args, bool sums, double* learnables) {
  const Input<S>& in = args.in;
  const int count = in.program.learnables;
  Tensor carried =
      empty({in.steps > 1 && args.grid.kernel > 1 ? in.program.states : 0, args.grid.neurons},
            {.dtype = dtype_of<Computed<S>>, .device = device});
  args.carried = cuda::mutable_elements<Computed<S>>(op, carried);
  const bool fours = in_fours(args);
  args.layout =
      Layout::of(args.grid.cells, args.grid.channels / (fours ? 4 : 1), backward_threads, 1,
                 fours ? blocks_at_once(in.static_input ? Shown::still : Shown::moving) : 1024);
  Tensor partials =
      norm::device::partials_for(device, args.layout, sums ? 1 : 0, in.geometry.channels);
  Tensor shares = empty({1, args.layout.blocks(), 2, learnables == nullptr ? 0 : count},
                        {.dtype = DType::f64, .device = device});
  args.partials = sums ? cuda::mutable_elements<double>(op, partials) : nullptr;
  args.shares = learnables == nullptr ? nullptr : cuda::mutable_elements<double>(op, shares);
  if (args.layout.blocks() > 0) launch_backward(device, args, fours);
  if (learnables != nullptr)
    norm::device::finish_sums(
        op, shares, [=] __device__(std::int64_t l, double sum, double) { learnables[l] = sum; });
  return partials;
}

template <class S>
BackwardArgs<S> args_for(const Input<S>& in, const GradInput<S>& grad_in) {
  using R = Computed<S>;
  const CellGrid grid(in.geometry);
  const bool mean = grid.pool == SpikePool::average;
  return {.in = in,
          .grad_in = grad_in,
          .grid = grid,
          .share = mean ? R(1) / static_cast<R>(grid.kernel * grid.kernel) : R(1)};
}

template <class S>
norm::Extent extent_of(const Input<S>& in) {
  const std::int64_t steps = in.static_input ? 1 : in.steps;
  const std::int64_t rows = in.geometry.images * in.geometry.height * in.geometry.width;
  return {in.groups, steps * rows / in.groups, in.geometry.channels};
}

/// Room for the gradient of y, stored as G: that for the gradient of x if it fits, else `scratch`.
template <class G, class S>
G* room_for(Device device, std::int64_t count, S* gradient, Tensor& scratch) {
  if constexpr (std::is_same_v<G, S>)
    if (gradient != nullptr) return gradient;
  scratch = empty({count}, {.dtype = dtype_of<G>, .device = device});
  return cuda::mutable_elements<G>(op, scratch);
}

template <class S>
Tensor run(Device device, const Input<S>& in, const GradInput<S>& grad_in,
           const GradOutput<S>& grad_out) {
  const std::int64_t neurons = in.geometry.neurons();
  BackwardArgs<S> args = args_for(in, grad_in);
  args.centre = grad_out.centre;
  for (int k = 0; k < in.program.states; ++k) args.grad_state[k] = grad_out.state[k];
  Tensor of_y;
  if (in.static_input)
    args.grad_y = room_for<Computed<S>>(device, neurons, grad_out.y, of_y);
  else if (in.groups > 1)
    args.grad_x = room_for<S>(device, in.steps * neurons, grad_out.y, of_y);
  grad_out.sums->partials = walk(device, args, in.groups == 1, grad_out.learnables);
  if (in.groups > 1)
    grad_out.sums->partials = norm::device::gradient_partials<S>(device, extent_of(in), args.grad_x,
                                                                 in.x, grad_out.centre);
  return of_y;
}

/// From the gradient of y, stored as G, to that of x.
template <class G, class S>
void to_input(Device device, const Input<S>& in, const NormGradient<Computed<S>>& to_x,
              const Tensor& of_y, S* gradient) {
  const G* grad = cuda::elements_or_null<G>(op, of_y);
  if constexpr (std::is_same_v<G, S>)
    if (grad == nullptr) grad = gradient;
  if (to_x.slope == nullptr)
    norm::device::apply<S>(device, extent_of(in), grad, to_x.scale, to_x.offset, gradient);
  else
    norm::device::input_gradient<S, G>(
        device, extent_of(in),
        {grad, in.x, to_x.scale, to_x.slope, to_x.centre, to_x.offset, gradient});
}

template <class S>
void run_input_gradient(Device device, const Input<S>& in, const GradInput<S>& grad_in,
                        const NormGradient<Computed<S>>& to_x, const Tensor& of_y, S* gradient) {
  if (in.static_input) return to_input<Computed<S>>(device, in, to_x, of_y, gradient);
  if (in.groups > 1) return to_input<S>(device, in, to_x, of_y, gradient);
  BackwardArgs<S> args = args_for(in, grad_in);
  args.grad_x = gradient;
  args.to_x = to_x;
  walk(device, args, false, nullptr);
}

template <class S>
struct Registered {
  CudaKernel backward{Kernels<S>::backward, run<S>};
  CudaKernel input_gradient{Kernels<S>::input_gradient, run_input_gradient<S>};
};
const Registered<float> f32;
const Registered<double> f64;
const Registered<bfloat16> bf16;
const Registered<float16> f16;

}  // namespace
}  // namespace ranvier::fused::device
