#include <cstring>
#include <type_traits>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/ops/fused/detail/forward_device.h"
#include "ranvier/ops/neurons/neuron.h"

namespace ranvier::fused::device {
namespace {

template <class Model, class R, int lanes>
void launch(Device device, const ForwardArgs<R>& args) {
  typename Model::template Params<R> params;
  std::memcpy(&params, args.in.program.params, sizeof(params));
  const std::int64_t threads = args.grid.cells * (args.grid.channels / lanes);
  const cuda::Grid grid{static_cast<unsigned>((threads + forward_threads - 1) / forward_threads),
                        forward_threads};
  if (Model::spiking && args.grid.pool != SpikePool::average)
    cuda::launch(op, device, grid, forward<Model, R, lanes, FiredSteps<R, lanes>>, args, params);
  else
    cuda::launch(op, device, grid, forward<Model, R, lanes, SummedSteps<R, lanes>>, args, params);
}

template <class R>
bool in_fours(const ForwardArgs<R>& args) {
  const Input<R>& in = args.in;
  return std::is_same_v<R, float> &&
         cuda::in_packs<R>(args.grid.channels,
                           {in.x, in.scale, in.shift, in.state[0], in.state[1], args.out.spikes,
                            args.out.state[0], args.out.state[1]});
}

template <class R>
void run(Device device, const Input<R>& in, const Output<R>& out) {
  const Geometry& g = in.geometry;
  if (g.neurons() == 0) return;
  RV_CHECK(out.words == nullptr || g.channels % 64 == 0,
           "[norm_neuron_pool] packed spikes on a CUDA device need a multiple of 64 channels; got "
           "{}.",
           g.channels);
  // States between spans: only windows of several pixels leave them, at most every 8 steps.
  const bool carries = in.steps > 8 && g.kernel > 1;
  const Tensor carried = empty({carries ? in.program.states : 0, g.neurons()},
                               {.dtype = dtype_of<R>, .device = device});
  ForwardArgs<R> args{in, out, CellGrid(g), {}};
  for (int k = 0; carries && k < in.program.states; ++k)
    args.carried[k] =
        const_cast<R*>(cuda::elements<R>(op, carried)) + static_cast<std::int64_t>(k) * g.neurons();
  const bool fours = in_fours(args);
  AllNeurons::for_each([&]<class Model>(int model) {
    if (model != in.program.model) return;
    if constexpr (std::is_same_v<R, float>)
      if (fours) return launch<Model, R, 4>(device, args);
    launch<Model, R, 1>(device, args);
  });
}

const CudaKernel kernel_f32(Kernels<float>::forward, run<float>);
const CudaKernel kernel_f64(Kernels<double>::forward, run<double>);

}  // namespace
}  // namespace ranvier::fused::device
