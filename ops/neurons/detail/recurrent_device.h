// The CUDA engine of recurrent neurons: a block takes one row (a sample) through all of time, as
// rows do not hear each other; so there is one launch forwards and one backwards, and what waits
// for each step is one block. Included by a file for each number type.
//
// A thread has a column, in long rows several. The outputs of the step before lie in shared memory
// (row_device.h); rows of the matrix are read from the caches, neighbouring threads neighbouring
// columns. State and gradients of it are read and written in memory by the thread that owns them:
// their loads are under way while the outputs are summed, and a row may have any length. A scan
// that will be differentiated leaves currents and, after every `checkpoint_interval` steps, its
// state; backward recomputes the states of an interval into memory before it walks it back.
#pragma once

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/ops/neurons/detail/checkpoints_device.h"
#include "ranvier/ops/neurons/detail/recurrent_kernels.h"
#include "ranvier/ops/neurons/detail/row_device.h"
#include "ranvier/ops/neurons/detail/scan_kernels.h"
#include "ranvier/ops/neurons/neuron.h"

namespace ranvier::neurons::device {

inline constexpr const char* recurrent_op = "recurrent_scan";

/// How a neuron's outputs are heard.
template <class Model, class R>
using RowOutputs =
    std::conditional_t<Model::spiking && std::is_same_v<R, float>, RowSpikes, RowValues<R>>;

/// Step t of a neuron, whose `current` is x and what it heard. Returns its output.
template <class Model, class R>
__device__ __forceinline__ R step_neuron(const RecurrentInput<R>& in, const RecurrentOutput<R>& out,
                                         const typename Model::template Params<R>& params,
                                         std::int64_t t, std::int64_t neuron, R current,
                                         States<Model, R, 1>& state) {
  const std::int64_t at = t * in.step() + neuron;
  if (out.currents != nullptr) out.currents[at] = current;
  const R output = Model::step(params, state.lane[0], current, Fire{});
  state.write(out.state, neuron);
  if (out.outputs != nullptr) out.outputs[at] = output;
  if (out.last != nullptr && t + 1 == in.steps) out.last[neuron] = output;
  if (out.checkpoints != nullptr && (t + 1) % checkpoint_interval == 0 && t + 1 < in.steps)
    leave_checkpoint(out.checkpoints, (t + 1) / checkpoint_interval - 1, state, in.step(), neuron);
  return output;
}

/// `out.state` is where the state is kept, wanted or not.
template <class Model, class R>
__global__ void __launch_bounds__(most_row_threads, 1)
    recurrent_forward(const RecurrentInput<R> in, const RecurrentOutput<R> out,
                      const typename Model::template Params<R> given) {
  const auto params = learned<Model, R>(given, in.learnables);
  const int columns = static_cast<int>(in.columns), turn = static_cast<int>(blockDim.x);
  const int thread = static_cast<int>(threadIdx.x);
  const int halves = (columns + 63) / 64 * 2;  // of the words of a row
  const std::int64_t row = blockIdx.x, first = row * in.columns;
  RowOutputs<Model, R> outputs(in.weight, in.columns);
  for (int c = thread; c - thread < columns; c += turn) {
    R before = R(0);
    if (c < columns) {
      States<Model, R, 1> state;
      state.read(in.state, in.program.rest, first + c);
      state.write(out.state, first + c);
      if (in.output != nullptr) before = in.output[first + c];
    }
    outputs.put(c, before, __ballot_sync(0xffffffffu, before != R(0)));
  }
  outputs.publish();
  for (std::int64_t t = 0; t < in.steps; ++t) {
    const bool hears = t > 0 || in.output != nullptr;
    for (int c = thread; c - thread < columns; c += turn) {
      R output = R(0);
      if (c < columns) {
        R current = __ldg(in.x + t * in.step() + first + c);
        States<Model, R, 1> state;
        state.read(out.state, in.program.rest, first + c);
        if (hears) current = outputs.heard(in.weight, c) + current;
        output = step_neuron<Model, R>(in, out, params, t, first + c, current, state);
      }
      const unsigned spikes = __ballot_sync(0xffffffffu, output != R(0));
      outputs.put(c, output, spikes);
      if (out.words != nullptr && thread % 32 == 0 && c / 32 < halves)
        reinterpret_cast<std::uint32_t*>(out.words)[(t * in.rows + row) * halves + c / 32] = spikes;
    }
    outputs.publish();
  }
}

/// The arrays of a backward pass.
template <class R>
struct RecurrentBackwardArgs {
  RecurrentInput<R> in;  // the weight transposed: to neuron i from neuron j at [i, j]
  const R* currents;
  RecurrentGradInput<R> grad_in;
  RecurrentGradOutput<R> grad_out;  // gradients of the state are kept there, wanted or not
  R* before;       // the states before an interval's steps, [steps, variables, rows, columns]
  double* shares;  // [rows, learnables]
};

/// Finds the states before each step of the c-th interval.
template <class Model, class R>
__device__ __forceinline__ void recompute(const RecurrentBackwardArgs<R>& args,
                                          const typename Model::template Params<R>& params,
                                          std::int64_t c, std::int64_t neuron) {
  constexpr int variables = States<Model, R, 1>::variables;
  const RecurrentInput<R>& in = args.in;
  const R* from[max_states] = {};
#pragma unroll
  for (int k = 0; k < variables; ++k)
    from[k] = c == 0 ? in.state[k] : checkpoint(in.checkpoints, c - 1, k, variables, in.step());
  States<Model, R, 1> state;
  state.read(from, in.program.rest, neuron);
  const std::int64_t steps = min(checkpoint_interval, in.steps - c * checkpoint_interval);
  const R* const currents = args.currents + c * checkpoint_interval * in.step() + neuron;
#pragma unroll 4
  for (std::int64_t s = 0; s < steps; ++s) {
    leave_checkpoint(args.before, s, state, in.step(), neuron);
    Model::step(params, state.lane[0], __ldg(currents + s * in.step()), Fire{});
  }
}

/// What step t of a neuron backward reads; the gradient of its state after the step from memory.
template <class Model, class R>
struct Recalled {
  States<Model, R, 1> before, grad;
  R current, grad_output;

  __device__ __forceinline__ void read(const RecurrentBackwardArgs<R>& args, std::int64_t t,
                                       std::int64_t neuron) {
    constexpr int variables = States<Model, R, 1>::variables;
    const RecurrentInput<R>& in = args.in;
    const std::int64_t at = t * in.step() + neuron;
    const R* from[max_states] = {};
#pragma unroll
    for (int k = 0; k < variables; ++k)
      from[k] = checkpoint(args.before, t % checkpoint_interval, k, variables, in.step());
    before.read(from, in.program.rest, neuron);
    grad.read(args.grad_out.state, in.program.rest, neuron);
    current = __ldg(args.currents + at);
    grad_output = args.grad_in.outputs != nullptr ? __ldg(args.grad_in.outputs + at) : R(0);
    if (t + 1 == in.steps && args.grad_in.last != nullptr)
      grad_output = args.grad_in.last[neuron] + grad_output;
  }
};

/// `Later` is how the gradients of the currents of the step after are heard.
template <class Model, class Slope, class R, class Later>
__global__ void __launch_bounds__(most_row_threads, 1)
    recurrent_backward(const RecurrentBackwardArgs<R> args,
                       const typename Model::template Params<R> given, const Slope slope) {
  const RecurrentInput<R>& in = args.in;
  const auto params = learned<Model, R>(given, in.learnables);
  const int columns = static_cast<int>(in.columns), turn = static_cast<int>(blockDim.x);
  const int thread = static_cast<int>(threadIdx.x);
  const std::int64_t first = blockIdx.x * in.columns;
  typename Model::template Learnable<R> learnt{};
  Later later(in.weight, in.columns);
  const R zeros[max_states] = {};
  for (int c = thread; c < columns; c += turn) {
    States<Model, R, 1> grad;
    grad.read(args.grad_in.state, zeros, first + c);
    grad.write(args.grad_out.state, first + c);
  }
  for (std::int64_t t = in.steps - 1; t >= 0; --t) {
    if (t == in.steps - 1 || t % checkpoint_interval == checkpoint_interval - 1)
      for (int c = thread; c < columns; c += turn)
        recompute<Model, R>(args, params, t / checkpoint_interval, first + c);
    for (int c = thread; c - thread < columns; c += turn) {
      Recalled<Model, R> step;
      if (c < columns) step.read(args, t, first + c);
      const R heard = t + 1 < in.steps ? later.heard(in.weight, c) : R(0);
      if (c >= columns) continue;
      const R grad_x = Model::adjoint(params, step.before.lane[0], step.current,
                                      heard + step.grad_output, step.grad.lane[0], learnt, slope);
      step.grad.write(args.grad_out.state, first + c);
      args.grad_out.x[t * in.step() + first + c] = grad_x;
      later.put(c, grad_x, 0);
    }
    later.publish();
  }
  if (args.grad_out.output != nullptr)
    for (int c = thread; c - thread < columns; c += turn) {
      const R heard = later.heard(in.weight, c);
      if (c < columns) args.grad_out.output[first + c] = heard;
    }
  constexpr int learnables = count_of<typename Model::template Learnable<R>, R>;
  if (args.shares == nullptr) return;
#pragma unroll
  for (int l = 0; l < learnables; ++l) {
    const double sum = row_sum(static_cast<double>(field<R>(learnt, l)));
    if (thread == 0) args.shares[blockIdx.x * learnables + l] = sum;
  }
}

}  // namespace ranvier::neurons::device
