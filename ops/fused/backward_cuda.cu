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

template <class R>
bool walked_twice(const Input<R>& in) {
  return !in.static_input && in.groups == 1;
}

template <class R>
bool in_fours(const BackwardArgs<R>& args) {
  const Input<R>& in = args.in;
  return std::is_same_v<R, float> &&
         cuda::in_packs<R>(args.grid.channels,
                           {in.x, in.scale, in.shift, in.state[0], in.state[1], args.grad_in.spikes,
                            args.grad_in.state[0], args.grad_in.state[1], args.grad_state[0],
                            args.grad_state[1], args.grad_x, args.centre});
}

/// Scratch memory of [count, neurons], as pointers to its rows.
template <class R>
struct Rows {
  Rows(Device device, int count, std::int64_t neurons)
      : memory(empty({count, neurons}, {.dtype = dtype_of<R>, .device = device})),
        neurons(neurons) {}
  R* row(int k) { return cuda::mutable_elements<R>(op, memory) + k * neurons; }

  Tensor memory;
  std::int64_t neurons;
};

template <class R>
void divide(Device device, const R* from, R divisor, std::int64_t count, R* to) {
  cuda::for_each(op, device, count, [=] __device__(std::int64_t i) { to[i] = from[i] / divisor; });
}

/// Gives each pixel of a mean its share of the gradient: a factor where that is exact, else the
/// gradient in `scratch`.
template <class R>
void share_means(Device device, BackwardArgs<R>& args, Tensor& scratch) {
  const int area = args.grid.kernel * args.grid.kernel;
  if (args.grid.pool != SpikePool::average || args.grad_in.spikes == nullptr) return;
  if ((area & (area - 1)) == 0) {
    args.share = R(1) / static_cast<R>(area);
    return;
  }
  const std::int64_t count = args.in.steps * args.grid.outputs;
  scratch = empty({count}, {.dtype = dtype_of<R>, .device = device});
  R* const shares = cuda::mutable_elements<R>(op, scratch);
  divide(device, args.grad_in.spikes, static_cast<R>(area), count, shares);
  args.grad_in.spikes = shares;
}

/// One walk. `sums`: wanted; then the result holds the blocks' shares [1, blocks, 2, channels].
template <class R>
Tensor walk(Device device, BackwardArgs<R>& args, bool sums, double* learnables) {
  const Input<R>& in = args.in;
  const int count = in.program.learnables;
  Rows<R> carried(device, in.steps > span ? in.program.states : 0, args.grid.neurons);
  for (int k = 0; in.steps > span && k < in.program.states; ++k) args.carried[k] = carried.row(k);
  Tensor divided;
  share_means(device, args, divided);
  const bool fours = in_fours(args);
  // Few blocks where their shares have to be added up, as many as there are cells where not.
  const std::int64_t most_blocks = sums || learnables != nullptr ? 1024 : 1 << 30;
  args.layout = Layout::of(args.grid.cells, args.grid.channels / (fours ? 4 : 1), backward_threads,
                           1, most_blocks);
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

template <class R>
BackwardArgs<R> args_for(const Input<R>& in, const GradInput<R>& grad_in) {
  return {in,      grad_in, CellGrid(in.geometry), {}, {}, {}, nullptr, {}, R(1), nullptr,
          nullptr, nullptr};
}

template <class R>
norm::Extent extent_of(const Input<R>& in) {
  const std::int64_t steps = in.static_input ? 1 : in.steps;
  const std::int64_t rows = in.geometry.images * in.geometry.height * in.geometry.width;
  return {in.groups, steps * rows / in.groups, in.geometry.channels};
}

template <class R>
void run(Device device, const Input<R>& in, const GradInput<R>& grad_in,
         const GradOutput<R>& grad_out) {
  BackwardArgs<R> args = args_for(in, grad_in);
  args.centre = grad_out.centre;
  for (int k = 0; k < in.program.states; ++k) args.grad_state[k] = grad_out.state[k];
  if (walked_twice(in)) {
    grad_out.sums->partials = walk(device, args, true, grad_out.learnables);
    return;
  }
  const std::int64_t size = in.geometry.neurons() * (in.static_input ? 1 : in.steps);
  Rows<R> scratch(device, grad_out.y == nullptr ? 1 : 0, size);
  args.grad_x = grad_out.y == nullptr ? scratch.row(0) : grad_out.y;
  grad_out.sums->partials = walk(device, args, in.groups == 1, grad_out.learnables);
  if (in.groups > 1)
    grad_out.sums->partials = norm::device::gradient_partials<R>(device, extent_of(in), args.grad_x,
                                                                 in.x, grad_out.centre);
}

template <class R>
void run_input_gradient(Device device, const Input<R>& in, const GradInput<R>& grad_in,
                        const NormGradient<R>& to_x, R* gradient) {
  if (walked_twice(in)) {
    BackwardArgs<R> args = args_for(in, grad_in);
    args.grad_x = gradient;
    args.to_x = to_x;
    walk(device, args, false, nullptr);
  } else if (to_x.slope == nullptr) {
    norm::device::apply<R>(device, extent_of(in), gradient, to_x.scale, to_x.offset, gradient);
  } else {
    norm::device::input_gradient<R>(
        device, extent_of(in),
        {gradient, in.x, to_x.scale, to_x.slope, to_x.centre, to_x.offset, gradient});
  }
}

const CudaKernel backward_f32(Kernels<float>::backward, run<float>);
const CudaKernel backward_f64(Kernels<double>::backward, run<double>);
const CudaKernel gradient_f32(Kernels<float>::input_gradient, run_input_gradient<float>);
const CudaKernel gradient_f64(Kernels<double>::input_gradient, run_input_gradient<double>);

}  // namespace
}  // namespace ranvier::fused::device
