// Neurons of a CUDA device forward in time: a thread takes its own through all steps with the state
// in registers. x does not depend on them, so it is asked for many steps ahead: what is left to
// wait for is the arithmetic, or where there are many neurons the memory's bandwidth.
#pragma once

#include "ranvier/ops/neurons/detail/arrivals_device.h"
#include "ranvier/ops/neurons/detail/checkpoints_device.h"

namespace ranvier::neurons::device {

/// The steps of a sequence, a group of them after another. Rows `stride` elements apart: 0 for a
/// static input, whose row stays in the cache.
template <class S, int lanes>
class StepStream {
 public:
  using Values = Pack<S, lanes>;
  using Slot = typename Delivery<S, lanes>::Slot;
  static constexpr int group = 4;
  /// Groups there is room for. Few neurons hide nothing behind each other: they look far ahead.
  static constexpr int groups = sizeof(Slot) <= 4 ? 12 : sizeof(Slot) <= 8 ? 6 : 4;
  static constexpr int thread_bytes = groups * group * static_cast<int>(sizeof(Slot));

  /// The thread's values begin at `first` of each row; `rows` is the first row.
  __device__ __forceinline__ StepStream(const S* rows, std::int64_t first, std::int64_t stride,
                                        std::int64_t steps)
      : delivery_(first),
        slots_(own_slots<Slot>(thread_bytes)),
        from_(rows + first - delivery_.place),
        stride_(stride),
        left_(steps) {
#pragma unroll 1
    for (int i = 1; i < groups; ++i) ask();
  }

  /// The next group; steps past the last hold anything.
  __device__ __forceinline__ void next(Values (&into)[group]) {
    ask();
    cuda::wait_for_copies<groups - 1>();
#pragma unroll
    for (int s = 0; s < group; ++s) into[s] = delivery_.own(slots_[read_ + s * slot_stride]);
    advance(read_);
  }

 private:
  __device__ __forceinline__ void ask() {
    const int count = left_ < group ? static_cast<int>(left_) : group;
#pragma unroll
    for (int s = 0; s < group; ++s, move_on(from_, stride_))
      if (s < count) copy_async(slots_ + asked_ + s * slot_stride, from_);
    cuda::commit_copies();
    left_ -= group;
    advance(asked_);
  }
  static __device__ __forceinline__ void advance(int& slot) {
    slot += group * slot_stride;
    if (slot == groups * group * slot_stride) slot = 0;
  }

  const Delivery<S, lanes> delivery_;
  Slot* const slots_;
  const S* from_;
  const std::int64_t stride_;
  std::int64_t left_;
  int asked_ = 0, read_ = 0;
};

/// A thread's neurons and where their results go. `spikes_only`: to `out.spikes` and nowhere else
/// at each step.
template <class Model, class S, class R, int lanes, bool spikes_only>
class ForwardWalk {
 public:
  using Params = typename Model::template Params<R>;

  __device__ __forceinline__ ForwardWalk(const ScanInput<R, S>& in, const ScanOutput<R, S>& out,
                                         const Params& params, std::int64_t first)
      : in_(in), out_(out), params_(params), first_(first), spikes_(out.spikes + first) {
    state_.read(in.state, in.program.rest, first);
  }

  /// Goes on by the first `count` steps of `x`.
  template <int most>
  __device__ __forceinline__ void steps(const Pack<S, lanes> (&x)[most], int count) {
#pragma unroll
    for (int s = 0; s < most; ++s)
      if (s < count) step(widen<R>(x[s]));
  }

  __device__ __forceinline__ void leave_state() {
    if (out_.checkpoints != nullptr && t_ < in_.steps)
      leave_checkpoint(out_.checkpoints, t_ / checkpoint_interval - 1, state_, in_.neurons, first_);
  }

  __device__ __forceinline__ void finish() {
    if (!spikes_only && out_.rate != nullptr) {
#pragma unroll
      for (int i = 0; i < lanes; ++i) sum_.lane[i] /= static_cast<R>(in_.steps);
      store<R, lanes>(out_.rate + first_, sum_);
    }
    state_.write(out_.state, first_);
  }

 private:
  __device__ __forceinline__ void step(const Pack<R, lanes>& x) {
    Pack<R, lanes> spikes;
#pragma unroll
    for (int i = 0; i < lanes; ++i)
      spikes.lane[i] = Model::step(params_, state_.lane[i], x.lane[i], Fire{});
    if (spikes_only || out_.spikes != nullptr) cuda::store_as<R, lanes>(spikes_, spikes);
    if constexpr (!spikes_only) also_store(spikes);
    move_on(spikes_, in_.neurons);
    ++t_;
  }
  __device__ __forceinline__ void also_store(const Pack<R, lanes>& spikes) {
    const std::int64_t at = t_ * in_.neurons + first_;
    if (out_.trace != nullptr) store<R, lanes>(out_.trace + at, state_.variable(0));
    if (out_.words != nullptr) store_bits(out_.words, at, spikes);
#pragma unroll
    for (int i = 0; i < lanes; ++i) sum_.lane[i] += spikes.lane[i];
  }

  const ScanInput<R, S>& in_;
  const ScanOutput<R, S>& out_;
  const Params& params_;
  const std::int64_t first_;
  S* spikes_;
  std::int64_t t_ = 0;
  States<Model, R, lanes> state_;
  Pack<R, lanes> sum_{};
};

template <class Model, class S, class R, int lanes, bool spikes_only>
// Without a number of blocks ptxas aims at more of them and spills.
__global__ void __launch_bounds__(threads, 4)
    forward(const ScanInput<R, S> in, const ScanOutput<R, S> out,
            const typename Model::template Params<R> given) {
  using Stream = StepStream<S, lanes>;
  static_assert(checkpoint_interval == 2 * Stream::group);
  const std::int64_t first = first_neuron<lanes>();
  if (first >= in.neurons) return;
  Stream stream(in.x, first, in.static_input ? 0 : in.neurons, in.steps);
  const auto params = learned<Model, R>(given, in.learnables);
  ForwardWalk<Model, S, R, lanes, spikes_only> walk(in, out, params, first);
  typename Stream::Values even[Stream::group], odd[Stream::group];
  stream.next(even);
  std::int64_t left = in.steps;
#pragma unroll 1
  for (; left >= checkpoint_interval; left -= checkpoint_interval) {
    stream.next(odd);
    walk.steps(even, Stream::group);
    stream.next(even);
    walk.steps(odd, Stream::group);
    walk.leave_state();
  }
  stream.next(odd);
  walk.steps(even, static_cast<int>(left));
  walk.steps(odd, static_cast<int>(left) - Stream::group);
  walk.finish();
}

}  // namespace ranvier::neurons::device
