#include <cstring>
#include <type_traits>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/ops/fused/detail/forward_device.h"
#include "ranvier/ops/neurons/neuron.h"

namespace ranvier::fused::device {
namespace {

template <Shown shown, class Model, class S, int lanes>
void launch(Device device, ForwardArgs<S>& args) {
  typename Model::template Params<Computed<S>> params;
  std::memcpy(&params, args.in.program.params, sizeof(params));
  args.packs = Divider(args.grid.channels / lanes);
  const std::int64_t threads = static_cast<std::int64_t>(args.grid.cells) * args.packs.divisor();
  const int up = CellGrid::narrow(args.in.geometry, threads + forward_threads - 1);
  const cuda::Grid grid{static_cast<unsigned>(up / forward_threads), forward_threads};
  cuda::launch(op, device, grid, forward<shown, Model, S, lanes>, args, params);
}

template <class S>
bool in_fours(const ForwardArgs<S>& args) {
  const Input<S>& in = args.in;
  return !std::is_same_v<S, double> &&
         cuda::in_packs<S, 4>(args.grid.channels, {in.x, args.out.spikes}) &&
         cuda::in_packs<Computed<S>>(
             args.grid.channels,
             {in.scale, in.shift, in.state[0], in.state[1], args.out.state[0], args.out.state[1]});
}

template <class Model, class S>
void launch_model(Device device, ForwardArgs<S>& args, bool fours) {
  if constexpr (!std::is_same_v<S, double>) {
    if (fours && args.in.static_input) return launch<Shown::still, Model, S, 4>(device, args);
    if (fours) return launch<Shown::moving, Model, S, 4>(device, args);
  }
  if constexpr (std::is_same_v<S, Computed<S>>)
    launch<Shown::either, Model, S, 1>(device, args);
  else
    refuse_address();
}

template <class S>
void run(Device device, const Input<S>& in, const Output<S>& out) {
  using R = Computed<S>;
  const Geometry& g = in.geometry;
  if (g.neurons() == 0) return;
  RV_CHECK(out.words == nullptr || g.channels % 64 == 0,
           "[norm_neuron_pool] packed spikes on a CUDA device need a multiple of 64 channels; got "
           "{}.",
           g.channels);
  ForwardArgs<S> args{in, out, CellGrid(g), Divider(1), {out.checkpoints, 0}};
  const std::int64_t state = in.program.states * g.neurons();
  Tensor carried;
  if (out.checkpoints != nullptr) {
    args.trail.distance = state;
  } else if (checkpoint_count(in.steps) > 0 && g.kernel > 1) {
    carried = empty({state}, {.dtype = dtype_of<R>, .device = device});
    args.trail.states = cuda::mutable_elements<R>(op, carried);
  }
  const bool fours = in_fours(args);
  AllNeurons::for_each([&]<class Model>(int model) {
    if constexpr (has_kernels<Model, S>)
      if (model == in.program.model) launch_model<Model>(device, args, fours);
  });
}

const CudaKernel kernel_f32(Kernels<float>::forward, run<float>);
const CudaKernel kernel_f64(Kernels<double>::forward, run<double>);
const CudaKernel kernel_bf16(Kernels<bfloat16>::forward, run<bfloat16>);
const CudaKernel kernel_f16(Kernels<float16>::forward, run<float16>);

}  // namespace
}  // namespace ranvier::fused::device
