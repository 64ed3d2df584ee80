// Neurons of a CUDA device backward in time, from the last interval of `checkpoint_interval` steps
// to the first: the states of an interval are recomputed into registers from the checkpoint before
// it and walked back, so x is read once. What the intervals before it read is under way meanwhile.
// Nothing spills: the build makes a spill an error.
#pragma once

#include "ranvier/ops/neurons/detail/arrivals_device.h"
#include "ranvier/ops/neurons/detail/checkpoints_device.h"

namespace ranvier::neurons::device {

/// Threads of a block at most: two intervals of all of them fit what a kernel may have of shared
/// memory unasked.
inline constexpr int backward_threads = 64;

/// The arrays of a backward pass.
template <class R, class S>
struct BackwardArgs {
  ScanInput<R, S> in;
  ScanGradInput<R, S> grad_in;
  ScanGradOutput<R, S> grad_out;
  double* shares;  // [blocks, learnables]
};

/// What a thread reads of intervals, from the last to the first.
template <class Model, class S, class R, int lanes>
class IntervalStream {
 public:
  using Slot = typename Delivery<S, lanes>::Slot;
  using Variable = Pack<R, lanes>;
  static constexpr int interval = checkpoint_interval;
  static constexpr int variables = States<Model, R, lanes>::variables;
  /// Intervals there is room for. Few neurons hide nothing behind each other: they look far ahead.
  static constexpr int stages = sizeof(Slot) <= 4 ? 4 : 2;
  static constexpr int values_bytes = stages * 2 * interval * static_cast<int>(sizeof(Slot));
  static constexpr int thread_bytes =
      values_bytes + stages * variables * static_cast<int>(sizeof(Variable));

  __device__ __forceinline__ IntervalStream(const BackwardArgs<R, S>& args, std::int64_t first)
      : args_(args),
        first_(first),
        delivery_(first),
        values_(own_slots<Slot>(thread_bytes)),
        variables_(own_slots<Variable>(thread_bytes, values_bytes)),
        asked_((args.in.steps - 1) / interval),
        count_(static_cast<int>(args.in.steps - asked_ * interval)),
        at_(asked_ * interval * args.in.neurons + first),
        state_at_((asked_ - 1) * variables * args.in.neurons + first) {
    if (args.grad_in.spikes == nullptr)
#pragma unroll 1
      for (int slot = 0; slot < stages * 2 * interval; ++slot) values_[slot * slot_stride] = Slot{};
#pragma unroll 1
    for (int i = 1; i < stages; ++i) ask();
  }

  /// Waits for the next interval, the c-th; gives the state before it.
  __device__ __forceinline__ void next(std::int64_t c, States<Model, R, lanes>& state) {
    read_ = read_ + 1 == stages ? 0 : read_ + 1;
    ask();
    cuda::wait_for_copies<stages - 1>();
    const ScanInput<R, S>& in = args_.in;
#pragma unroll
    for (int k = 0; k < variables; ++k) {
      Variable values = variables_[(read_ * variables + k) * slot_stride];
#pragma unroll
      for (int i = 0; i < lanes; ++i)
        field<R>(state.lane[i], k) =
            c == 0 && in.state[k] == nullptr ? in.program.rest[k] : values.lane[i];
    }
  }

  /// x and the gradient of the spikes of step s of the interval.
  __device__ __forceinline__ Variable x(int s) const {
    return widen<R>(delivery_.own(values_[(read_ * 2 * interval + s) * slot_stride]));
  }
  __device__ __forceinline__ Variable grad(int s) const { return x(interval + s); }

 private:
  __device__ __forceinline__ void ask() {
    if (asked_ >= 0) {
      ask_for_values();
      ask_for_state();
    }
    cuda::commit_copies();
    --asked_;
    count_ = interval;
    at_ -= interval * args_.in.neurons;
    state_at_ -= variables * args_.in.neurons;
    stage_ = stage_ + 1 == stages ? 0 : stage_ + 1;
  }
  __device__ __forceinline__ void ask_for_values() {
    const ScanInput<R, S>& in = args_.in;
    Slot* const slots = values_ + stage_ * 2 * interval * slot_stride;
    const S* const x = in.x + (in.static_input ? first_ : at_) - delivery_.place;
    ask_for_rows(slots, x, in.static_input ? 0 : in.neurons, count_);
    if (args_.grad_in.spikes != nullptr)
      ask_for_rows(slots + interval * slot_stride, args_.grad_in.spikes + at_ - delivery_.place,
                   in.neurons, count_);
  }
  static __device__ __forceinline__ void ask_for_rows(Slot* slots, const S* from,
                                                      std::int64_t stride, int count) {
    if (count == interval) {
#pragma unroll
      for (int s = 0; s < interval; ++s, move_on(from, stride))
        copy_async(slots + s * slot_stride, from);
    } else {
#pragma unroll 1
      for (int s = 0; s < count; ++s, from += stride) copy_async(slots + s * slot_stride, from);
    }
  }
  __device__ __forceinline__ void ask_for_state() {
    const ScanInput<R, S>& in = args_.in;
#pragma unroll
    for (int k = 0; k < variables; ++k) {
      Variable* const slot = variables_ + (stage_ * variables + k) * slot_stride;
      if (asked_ > 0)
        copy_async(slot, in.checkpoints + state_at_ + k * in.neurons);
      else if (in.state[k] != nullptr)
        copy_async(slot, in.state[k] + first_);
    }
  }

  const BackwardArgs<R, S>& args_;
  const std::int64_t first_;
  const Delivery<S, lanes> delivery_;
  Slot* const values_;          // [stages, x and gradients, interval]
  Variable* const variables_;   // [stages, variables]
  std::int64_t asked_;          // the interval to ask for next
  int count_;                   // of its steps
  std::int64_t at_, state_at_;  // where it and the checkpoint before it begin
  int stage_ = 0, read_ = stages - 1;
};

/// A thread's gradients on their way back.
template <class Model, class Slope, class S, class R, int lanes>
class BackwardWalk {
 public:
  using Params = typename Model::template Params<R>;
  using Learnable = typename Model::template Learnable<R>;
  using Stream = IntervalStream<Model, S, R, lanes>;
  using Neurons = States<Model, R, lanes>;

  __device__ __forceinline__ BackwardWalk(const BackwardArgs<R, S>& args, const Params& params,
                                          const Slope& slope, std::int64_t first)
      : args_(args), params_(params), slope_(slope), first_(first) {
    const R zeros[max_states] = {};
    grad_.read(args.grad_in.state, zeros, first);
    if (args.grad_in.rate == nullptr) return;
    grad_rate_ = load_once<R, lanes>(args.grad_in.rate + first);
#pragma unroll
    for (int i = 0; i < lanes; ++i) grad_rate_.lane[i] /= static_cast<R>(args.in.steps);
  }

  /// From the end of a whole interval without gradients of the trace to the state before it, which
  /// is given. No step is a branch, so what does not depend on the step after is done beside it.
  __device__ __forceinline__ void interval(const Stream& stream, Neurons state,
                                           std::int64_t begin) {
    constexpr int steps = Stream::interval;
    Neurons before[steps];
#pragma unroll
    for (int s = 0; s < steps; ++s) {
      before[s] = state;
      recompute(state, stream.x(s));
    }
    const bool stores = args_.grad_out.x != nullptr && !args_.in.static_input;
    S* to = args_.grad_out.x + (begin + steps - 1) * args_.in.neurons + first_;
#pragma unroll
    for (int s = steps - 1; s >= 0; --s, move_on(to, -args_.in.neurons)) {
      const Pack<R, lanes> grad_x = step(before[s], stream.x(s), stream.grad(s));
      if (stores) cuda::store_as<R, lanes>(to, grad_x);
    }
  }

  /// The same for the first `count` steps of any interval. Each is recomputed from the state before
  /// them all, which takes little code.
  __device__ __forceinline__ void part(const Stream& stream, const Neurons& state,
                                       std::int64_t begin, int count) {
#pragma unroll 1
    for (int s = count - 1; s >= 0; --s) {
      const std::int64_t at = (begin + s) * args_.in.neurons + first_;
      Pack<R, lanes> trace{};
      if (args_.grad_in.trace != nullptr) trace = load_once<R, lanes>(args_.grad_in.trace + at);
      Neurons before = state;
#pragma unroll 1
      for (int earlier = 0; earlier < s; ++earlier) recompute(before, stream.x(earlier));
#pragma unroll
      for (int i = 0; i < lanes; ++i) field<R>(grad_.lane[i], 0) += trace.lane[i];
      const Pack<R, lanes> grad_x = step(before, stream.x(s), stream.grad(s));
      if (args_.grad_out.x != nullptr && !args_.in.static_input)
        cuda::store_as<R, lanes>(args_.grad_out.x + at, grad_x);
    }
  }

  __device__ __forceinline__ void finish() {
    if (args_.in.static_input && args_.grad_out.x != nullptr)
      cuda::store_as<R, lanes>(args_.grad_out.x + first_, grad_x_sum_);
    grad_.write(args_.grad_out.state, first_);
  }

  /// The gradient of learnable l from all the thread's neurons.
  __device__ __forceinline__ double learnt(int l) {
    double sum = 0;
#pragma unroll
    for (int i = 0; i < lanes; ++i) sum += static_cast<double>(field<R>(learnt_[i], l));
    return sum;
  }

 private:
  __device__ __forceinline__ void recompute(Neurons& state, const Pack<R, lanes>& x) const {
#pragma unroll
    for (int i = 0; i < lanes; ++i) Model::step(params_, state.lane[i], x.lane[i], Fire{});
  }

  /// Takes the gradient of the state back over a step; returns that of x.
  __device__ __forceinline__ Pack<R, lanes> step(const Neurons& before, const Pack<R, lanes>& x,
                                                 const Pack<R, lanes>& grad_spikes) {
    Pack<R, lanes> grad_x;
#pragma unroll
    for (int i = 0; i < lanes; ++i) {
      grad_x.lane[i] = Model::adjoint(params_, before.lane[i], x.lane[i],
                                      grad_spikes.lane[i] + grad_rate_.lane[i], grad_.lane[i],
                                      learnt_[i], slope_);
      grad_x_sum_.lane[i] += grad_x.lane[i];
    }
    return grad_x;
  }

  const BackwardArgs<R, S>& args_;
  const Params& params_;
  const Slope& slope_;
  const std::int64_t first_;
  Neurons grad_;
  Learnable learnt_[lanes]{};
  Pack<R, lanes> grad_x_sum_{}, grad_rate_{};
};

template <class Model, class Slope, class S, class R, int lanes>
// Without a number of blocks ptxas aims at more of them and spills.
__global__ void __launch_bounds__(backward_threads, 4)
    backward(const BackwardArgs<R, S> args, const typename Model::template Params<R> given,
             const Slope slope) {
  using Walk = BackwardWalk<Model, Slope, S, R, lanes>;
  constexpr int interval = checkpoint_interval;
  constexpr int learnables = count_of<typename Walk::Learnable, R>;
  const std::int64_t first = first_neuron<lanes>();
  double learnt[learnables > 0 ? learnables : 1] = {};
  if (first < args.in.neurons) {
    typename Walk::Stream stream(args, first);
    const auto params = learned<Model, R>(given, args.in.learnables);
    Walk walk(args, params, slope, first);
    typename Walk::Neurons state;
    const bool traced = args.grad_in.trace != nullptr;
    std::int64_t left = args.in.steps;
    for (std::int64_t c = (left - 1) / interval; c >= 0; --c) {
      const std::int64_t begin = c * interval;
      stream.next(c, state);
      if (traced || left - begin < interval)
        walk.part(stream, state, begin, static_cast<int>(left - begin));
      else
        walk.interval(stream, state, begin);
      left = begin;
    }
    walk.finish();
#pragma unroll
    for (int l = 0; l < learnables; ++l) learnt[l] = walk.learnt(l);
  }
  if (args.shares == nullptr) return;
#pragma unroll
  for (int l = 0; l < learnables; ++l) {
    const double total = block_sum(learnt[l]);
    if (threadIdx.x == 0) args.shares[blockIdx.x * learnables + l] = total;
  }
}

}  // namespace ranvier::neurons::device
