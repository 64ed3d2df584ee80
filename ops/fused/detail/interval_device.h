// How threads of a CUDA device read and normalise pixels in an interval of a few steps.
//
// All pixels of a cell are taken through an interval before the next one, so that what their window
// collects stays in registers.
#pragma once

#include <type_traits>

#include "ranvier/ops/fused/detail/cells_device.h"
#include "ranvier/ops/neurons/detail/neuron_device.h"
#include "ranvier/ops/neurons/math.h"

namespace ranvier::fused::device {

using cuda::load;
using cuda::load_as;
using cuda::Pack;
using cuda::store;
using cuda::store_as;
using neurons::device::count_of;
using neurons::device::field;
using neurons::device::learned;
using neurons::device::States;

/// Whether a model has kernels for x that is stored as S: that of readouts was widened.
template <class Model, class S>
inline constexpr bool has_kernels = Model::spiking || std::is_same_v<S, Computed<S>>;

/// There are no kernels for 16-bit floats one by one.
[[noreturn]] inline void refuse_address() {
  fail(ErrorCode::invalid_argument,
       "[norm_neuron_pool] 16-bit x on a CUDA device, its gradient and the state must begin at "
       "multiples of four elements.");
}

/// What is known of the input when a kernel is compiled: registers are saved where it is much.
enum class Shown { either, still, moving };

template <Shown shown, class S>
__device__ __forceinline__ bool is_static(const Input<S>& in) {
  return shown == Shown::either ? in.static_input : shown == Shown::still;
}

/// Whether a neuron has one variable and learns nothing: such kernels can do with fewer registers,
/// so that more of their threads share a multiprocessor.
template <class Model>
constexpr bool is_small = count_of<typename Model::template State<float>, float> == 1 &&
                          count_of<typename Model::template Learnable<float>, float> == 0;

/// A number for each step of an interval and each lane.
template <class R, int lanes, int steps>
using Steps = Pack<R, lanes>[steps];

/// x of a pixel in an interval; of a static input there is one.
template <Shown shown, class S, int lanes, int steps>
struct Inputs {
  using R = Computed<S>;
  static constexpr int count = shown == Shown::still ? 1 : steps;
  cuda::Words<S, lanes> x[count];

  /// `again`: the compiler shall not take it for the same as an earlier reading, of which it would
  /// keep registers till then.
  template <bool again = false>
  __device__ __forceinline__ void read(const Input<S>& in, std::int64_t neurons,
                                       std::int64_t neuron, int t) {
    const std::int64_t step = is_static<shown>(in) ? 0 : neurons;
    const S* from = in.x + t * step + neuron;
#pragma unroll
    for (int s = 0; s < count; ++s, from += step)
      x[s] = again ? cuda::load_words_once<lanes>(from) : cuda::load_words<lanes>(from);
  }
  __device__ __forceinline__ Pack<R, lanes> at(int s) const {
    return cuda::widen<R>(x[shown == Shown::still ? 0 : s]);
  }
};

/// y = fma(x, scale, shift) for a thread's channels.
template <class R, int lanes>
struct Normalise {
  const R *scales, *shifts;
  std::int64_t step;  // from the coefficients of a time step to the next; 0: they are the same
  Pack<R, lanes> scale, shift;

  template <class S>
  __device__ __forceinline__ Normalise(const Input<S>& in, int channel)
      : scales(in.scale + channel),
        shifts(in.shift + channel),
        step(in.groups == 1 ? 0 : in.geometry.channels),
        scale(load<R, lanes>(scales)),
        shift(load<R, lanes>(shifts)) {}

  /// y of a pixel in the interval from step t on.
  template <Shown shown, class S, int steps>
  __device__ __forceinline__ void operator()(const Inputs<shown, S, lanes, steps>& inputs, int t,
                                             Steps<R, lanes, steps>& y) const {
    if (shown == Shown::still || step == 0) {
#pragma unroll
      for (int s = 0; s < steps; ++s) y[s] = of(inputs.at(s), scale, shift);
    } else {
#pragma unroll
      for (int s = 0; s < steps; ++s)
        y[s] = of(inputs.at(s), load<R, lanes>(scales + (t + s) * step),
                  load<R, lanes>(shifts + (t + s) * step));
    }
  }

 private:
  static __device__ __forceinline__ Pack<R, lanes> of(const Pack<R, lanes>& x,
                                                      const Pack<R, lanes>& by,
                                                      const Pack<R, lanes>& plus) {
    Pack<R, lanes> y;
#pragma unroll
    for (int i = 0; i < lanes; ++i)
      y.lane[i] = neurons::mul_add(x.lane[i], by.lane[i], plus.lane[i]);
    return y;
  }
};

/// Variables of states in memory, [neurons] each.
template <class R>
struct Variables {
  R* at[max_states];

  /// Those of [variables, neurons].
  __device__ __forceinline__ Variables(R* first, int count, std::int64_t neurons) {
#pragma unroll
    for (int k = 0; k < max_states; ++k) at[k] = k < count ? first + k * neurons : nullptr;
  }
  /// Those at `each`; null: not there.
  __device__ __forceinline__ explicit Variables(R* const (&each)[max_states]) {
#pragma unroll
    for (int k = 0; k < max_states; ++k) at[k] = each[k];
  }
};

/// Where the states between intervals lie, [variables, neurons] each, `distance` apart. If that is
/// 0, each takes the place of the one before.
template <class R>
struct Trail {
  R* states;  // null: they are not kept
  std::int64_t distance;

  /// Neuron 0's before the interval from step t on.
  __device__ __forceinline__ R* before(int t) const {
    return states + (intervals_before(t) - 1) * distance;
  }
};

}  // namespace ranvier::fused::device
