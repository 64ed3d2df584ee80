// The CUDA engine: the functors that the CPU's loops use, in kernels of one thread per four
// neurons.
//
// Forward: a thread takes its neurons through all steps with the state in registers; x does not
// depend on the recurrence, so the loads of the next four steps are in flight while one is stepped.
// Backward: a chunk of eight steps is recomputed into registers and walked back; longer sequences
// first leave the state at each chunk's start in global memory, an eighth of a read more, and are
// walked from the last chunk to the first. All accesses are 16 bytes wide where the number of
// neurons allows it. Nothing spills: the build makes a spill an error.
#include <cuda_runtime.h>

#include <cstring>
#include <type_traits>

#include "ranvier/ops/neurons/detail/scan_cuda.h"
#include "ranvier/ops/neurons/neuron.h"

namespace ranvier::neurons {
namespace {

/// `lanes` neighbouring values, moved as one access.
template <int lanes>
struct alignas(lanes * sizeof(float)) Pack {
  float lane[lanes];
};

template <int lanes>
__device__ Pack<lanes> load(const float* from) {
  return *reinterpret_cast<const Pack<lanes>*>(from);
}
template <>
__device__ Pack<4> load<4>(const float* from) {  // read once: not worth a place in the cache
  const float4 v = __ldcs(reinterpret_cast<const float4*>(from));
  return {v.x, v.y, v.z, v.w};
}
template <int lanes>
__device__ void store(float* to, const Pack<lanes>& values) {
  *reinterpret_cast<Pack<lanes>*>(to) = values;
}
template <>
__device__ void store<4>(float* to, const Pack<4>& v) {
  __stcs(reinterpret_cast<float4*>(to), make_float4(v.lane[0], v.lane[1], v.lane[2], v.lane[3]));
}

/// The scalars of a state or of learnables, one after another.
template <class Fields>
inline constexpr int count_of = std::is_empty_v<Fields> ? 0 : sizeof(Fields) / sizeof(float);

template <class Fields>
__device__ float& field(Fields& fields, int k) {
  return reinterpret_cast<float*>(&fields)[k];
}

/// The states of a thread's neurons.
template <class Model, int lanes>
struct States {
  using State = typename Model::template State<float>;
  static constexpr int variables = count_of<State>;
  State lane[lanes];

  /// Variable k from from[k]; null: the value at rest.
  __device__ void read(const float* const* from, const float* rest, std::int64_t first) {
#pragma unroll
    for (int k = 0; k < variables; ++k) {
      Pack<lanes> values;
      if (from[k] != nullptr) {
        values = load<lanes>(from[k] + first);
      } else {
#pragma unroll
        for (int i = 0; i < lanes; ++i) values.lane[i] = rest[k];
      }
#pragma unroll
      for (int i = 0; i < lanes; ++i) field(lane[i], k) = values.lane[i];
    }
  }
  __device__ void write(float* const* to, std::int64_t first) {
#pragma unroll
    for (int k = 0; k < variables; ++k)
      if (to[k] != nullptr) store<lanes>(to[k] + first, variable(k));
  }
  __device__ Pack<lanes> variable(int k) {
    Pack<lanes> values;
#pragma unroll
    for (int i = 0; i < lanes; ++i) values.lane[i] = field(lane[i], k);
    return values;
  }
};

__device__ std::int64_t first_neuron(int lanes) {
  return (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * lanes;
}

/// Eight threads of four neurons make half a word of packed spikes.
__device__ void store_bits(std::uint64_t* words, std::int64_t neuron, const Pack<4>& spikes) {
  unsigned nibble = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) nibble |= (spikes.lane[i] != 0.0f ? 1u : 0u) << i;
  const unsigned lane = threadIdx.x % 32;
  const unsigned group = 0xffu << (lane / 8 * 8);
  const unsigned half = __reduce_or_sync(group, nibble << (lane % 8 * 4));
  if (lane % 8 == 0) reinterpret_cast<std::uint32_t*>(words)[neuron / 32] = half;
}

constexpr int steps_in_flight = 4;

template <class Model, int lanes>
__global__ void __launch_bounds__(cuda_threads)
    forward(const ScanInput<float> in, const ScanOutput<float> out,
            const typename Model::template Params<float> params) {
  const std::int64_t first = first_neuron(lanes);
  if (first >= in.neurons) return;
  States<Model, lanes> state;
  state.read(in.state, in.program.rest, first);
  Pack<lanes> sum{}, x[steps_in_flight];
  for (std::int64_t begin = 0; begin < in.steps; begin += steps_in_flight) {
#pragma unroll
    for (int s = 0; s < steps_in_flight; ++s)
      if (begin + s < in.steps && (begin + s == 0 || !in.static_input))
        x[s] = load<lanes>(in.x_at(begin + s) + first);
#pragma unroll
    for (int s = 0; s < steps_in_flight; ++s) {
      const std::int64_t t = begin + s;
      if (t >= in.steps) break;
      Pack<lanes> spikes;
#pragma unroll
      for (int i = 0; i < lanes; ++i) {
        const float input = in.static_input ? x[0].lane[i] : x[s].lane[i];
        spikes.lane[i] = Model::step(params, state.lane[i], input, Fire{});
        sum.lane[i] += spikes.lane[i];
      }
      const std::int64_t at = t * in.neurons + first;
      if (out.spikes != nullptr) store<lanes>(out.spikes + at, spikes);
      if (out.trace != nullptr) store<lanes>(out.trace + at, state.variable(0));
      if constexpr (lanes == 4)
        if (out.words != nullptr) store_bits(out.words, at, spikes);
    }
  }
  if (out.rate != nullptr) {
#pragma unroll
    for (int i = 0; i < lanes; ++i) sum.lane[i] /= static_cast<float>(in.steps);
    store<lanes>(out.rate + first, sum);
  }
  state.write(out.state, first);
}

/// The arrays of a backward pass.
struct BackwardArgs {
  ScanInput<float> in;
  ScanGradInput<float> grad_in;
  ScanGradOutput<float> grad_out;
  float* checkpoints;  // [chunks - 1, states, neurons]
  double* shares;      // [blocks, learnables]
};

/// Sums one number per thread over the block, in an order that depends on nothing.
__device__ double block_sum(double value) {
  __shared__ double sums[cuda_threads];
  sums[threadIdx.x] = value;
  __syncthreads();
  for (int width = cuda_threads / 2; width > 0; width /= 2) {
    if (threadIdx.x < width) sums[threadIdx.x] += sums[threadIdx.x + width];
    __syncthreads();
  }
  const double total = sums[0];
  __syncthreads();
  return total;
}

template <class Model, int lanes>
struct Checkpoints {
  static constexpr int variables = States<Model, lanes>::variables;
  float* at[max_states];
  __device__ Checkpoints(const BackwardArgs& args, std::int64_t chunk) {
#pragma unroll
    for (int k = 0; k < variables; ++k)
      at[k] = args.checkpoints + ((chunk - 1) * variables + k) * args.in.neurons;
  }
};

/// Leaves the state before each chunk but the first.
template <class Model, int lanes>
__device__ void write_checkpoints(const BackwardArgs& args,
                                  const typename Model::template Params<float>& params,
                                  States<Model, lanes> state, std::int64_t first) {
  for (std::int64_t t = 0; t + 1 < args.in.steps; ++t) {
    const Pack<lanes> x = load<lanes>(args.in.x_at(t) + first);
#pragma unroll
    for (int i = 0; i < lanes; ++i) Model::step(params, state.lane[i], x.lane[i], Fire{});
    if ((t + 1) % cuda_chunk == 0)
      state.write(Checkpoints<Model, lanes>(args, (t + 1) / cuda_chunk).at, first);
  }
}

/// What a thread carries backwards through time.
template <class Model, int lanes>
struct Carried {
  using Learnable = typename Model::template Learnable<float>;
  States<Model, lanes> grad;
  Learnable learnt[lanes];
  Pack<lanes> grad_x_sum;
};

template <class Model, class Slope, int lanes>
__device__ void walk_chunk(const BackwardArgs& args,
                           const typename Model::template Params<float>& params, const Slope& slope,
                           States<Model, lanes> state, std::int64_t begin, std::int64_t first,
                           Carried<Model, lanes>& carried) {
  const ScanInput<float>& in = args.in;
  States<Model, lanes> before[cuda_chunk];
  Pack<lanes> x[cuda_chunk];
#pragma unroll
  for (int s = 0; s < cuda_chunk; ++s)
    if (begin + s < in.steps) x[s] = load<lanes>(in.x_at(begin + s) + first);
#pragma unroll
  for (int s = 0; s < cuda_chunk; ++s) {
    before[s] = state;
#pragma unroll
    for (int i = 0; i < lanes; ++i)
      if (begin + s < in.steps) Model::step(params, state.lane[i], x[s].lane[i], Fire{});
  }
#pragma unroll
  for (int s = cuda_chunk - 1; s >= 0; --s) {
    const std::int64_t t = begin + s, at = t * in.neurons + first;
    if (t >= in.steps) continue;
    Pack<lanes> grad_out{}, grad_x;
    if (args.grad_in.spikes != nullptr) grad_out = load<lanes>(args.grad_in.spikes + at);
    if (args.grad_in.rate != nullptr) {
      const Pack<lanes> rate = load<lanes>(args.grad_in.rate + first);
#pragma unroll
      for (int i = 0; i < lanes; ++i)
        grad_out.lane[i] += rate.lane[i] / static_cast<float>(in.steps);
    }
    if (args.grad_in.trace != nullptr) {
      const Pack<lanes> trace = load<lanes>(args.grad_in.trace + at);
#pragma unroll
      for (int i = 0; i < lanes; ++i) field(carried.grad.lane[i], 0) += trace.lane[i];
    }
#pragma unroll
    for (int i = 0; i < lanes; ++i) {
      grad_x.lane[i] = Model::adjoint(params, before[s].lane[i], x[s].lane[i], grad_out.lane[i],
                                      carried.grad.lane[i], carried.learnt[i], slope);
      carried.grad_x_sum.lane[i] += grad_x.lane[i];
    }
    if (args.grad_out.x != nullptr && !in.static_input) store<lanes>(args.grad_out.x + at, grad_x);
  }
}

template <class Model, class Slope, int lanes>
__global__ void __launch_bounds__(cuda_threads)
    backward(const BackwardArgs args, const typename Model::template Params<float> params,
             const Slope slope) {
  using Learnable = typename Model::template Learnable<float>;
  const ScanInput<float>& in = args.in;
  const std::int64_t first = first_neuron(lanes);
  Carried<Model, lanes> carried{};
  if (first < in.neurons) {
    const float zeros[max_states] = {};
    States<Model, lanes> start;
    start.read(in.state, in.program.rest, first);
    carried.grad.read(args.grad_in.state, zeros, first);
    const std::int64_t chunks = (in.steps + cuda_chunk - 1) / cuda_chunk;
    if (chunks > 1) write_checkpoints<Model, lanes>(args, params, start, first);
    for (std::int64_t chunk = chunks - 1; chunk >= 0; --chunk) {
      States<Model, lanes> state = start;
      if (chunk > 0) state.read(Checkpoints<Model, lanes>(args, chunk).at, zeros, first);
      walk_chunk<Model, Slope, lanes>(args, params, slope, state, chunk * cuda_chunk, first,
                                      carried);
    }
    if (in.static_input && args.grad_out.x != nullptr)
      store<lanes>(args.grad_out.x + first, carried.grad_x_sum);
    carried.grad.write(args.grad_out.state, first);
  }
  constexpr int learnables = count_of<Learnable>;
  if constexpr (learnables > 0) {
#pragma unroll
    for (int l = 0; l < learnables; ++l) {
      double sum = 0;
#pragma unroll
      for (int i = 0; i < lanes; ++i) sum += static_cast<double>(field(carried.learnt[i], l));
      const double total = block_sum(sum);
      if (threadIdx.x == 0) args.shares[blockIdx.x * learnables + l] = total;
    }
  }
}

/// Adds up the blocks' shares, one thread per learnable.
__global__ void add_shares(const double* shares, unsigned blocks, int learnables, double* sums) {
  double sum = 0;
  for (unsigned block = 0; block < blocks; ++block) sum += shares[block * learnables + threadIdx.x];
  sums[threadIdx.x] = sum;
}

template <class T>
T typed(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

/// True if every row of every array can be read four values at a time.
bool in_fours(const ScanInput<float>& in, std::initializer_list<const void*> arrays) {
  bool aligned = in.neurons % 4 == 0;
  for (const void* array : arrays)
    aligned = aligned && reinterpret_cast<std::uintptr_t>(array) % 16 == 0;
  return aligned;
}

unsigned blocks_for(std::int64_t neurons, int lanes) {
  const std::int64_t per_block = static_cast<std::int64_t>(cuda_threads) * lanes;
  return static_cast<unsigned>((neurons + per_block - 1) / per_block);
}

template <class Model>
int launch_forward(const ScanInput<float>& in, const ScanOutput<float>& out, void* stream) {
  if (in.neurons == 0) return cudaSuccess;
  if (out.words != nullptr && out.columns % 64 != 0) return cudaErrorInvalidValue;
  const auto params = typed<typename Model::template Params<float>>(in.program.params);
  const auto s = static_cast<cudaStream_t>(stream);
  if (in_fours(in, {in.x, in.state[0], out.spikes, out.trace, out.rate, out.state[0]}))
    forward<Model, 4><<<blocks_for(in.neurons, 4), cuda_threads, 0, s>>>(in, out, params);
  else if (out.words == nullptr)
    forward<Model, 1><<<blocks_for(in.neurons, 1), cuda_threads, 0, s>>>(in, out, params);
  else
    return cudaErrorMisalignedAddress;
  return cudaGetLastError();
}

template <class Model, class Slope>
int launch_backward(const ScanInput<float>& in, const ScanGradInput<float>& grad_in,
                    const ScanGradOutput<float>& grad_out, void* workspace, void* stream) {
  constexpr int learnables = count_of<typename Model::template Learnable<float>>;
  if (in.neurons == 0) return cudaSuccess;
  const auto params = typed<typename Model::template Params<float>>(in.program.params);
  const auto slope = typed<Slope>(in.program.slope);
  const auto s = static_cast<cudaStream_t>(stream);
  const std::int64_t chunks = (in.steps + cuda_chunk - 1) / cuda_chunk;
  const std::int64_t states = in.program.states * (chunks - 1) * in.neurons;
  auto* const checkpoints = static_cast<float*>(workspace);
  auto* const shares = reinterpret_cast<double*>(checkpoints + (states + 1) / 2 * 2);
  const BackwardArgs args{in, grad_in, grad_out, checkpoints, shares};
  const bool fours = in_fours(in, {in.x, in.state[0], grad_in.spikes, grad_in.trace, grad_in.rate,
                                   grad_in.state[0], grad_out.x, grad_out.state[0], workspace});
  const unsigned blocks = blocks_for(in.neurons, fours ? 4 : 1);
  if (fours)
    backward<Model, Slope, 4><<<blocks, cuda_threads, 0, s>>>(args, params, slope);
  else
    backward<Model, Slope, 1><<<blocks, cuda_threads, 0, s>>>(args, params, slope);
  if (learnables > 0 && grad_out.learnables != nullptr)
    add_shares<<<1, learnables, 0, s>>>(shares, blocks, learnables, grad_out.learnables);
  return cudaGetLastError();
}

constexpr CudaScanTable make_table() {
  CudaScanTable table{};
  AllNeurons::for_each([&]<class Model>(int model) {
    AllSurrogates::for_each([&]<class Surrogate>(int surrogate) {
      using Used = std::conditional_t<Model::spiking, Surrogate, surrogate::StraightThrough>;
      table.at[model][surrogate] = {launch_forward<Model>,
                                    launch_backward<Model, typename Used::template Slope<float>>};
    });
  });
  return table;
}

}  // namespace

extern "C" const CudaScanTable ranvier_cuda_scan_table = make_table();

}  // namespace ranvier::neurons
