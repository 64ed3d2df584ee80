// The kernels of the neuron engine that are compiled once per instruction set.
#pragma once

#include <cstdint>

#include "ranvier/core/dispatch.h"
#include "ranvier/ops/neurons/all.h"
#include "ranvier/ops/neurons/kernels.h"

namespace ranvier::neurons {

/// Row kernels of every model with every surrogate, by their positions in the type lists.
template <class R>
struct RowTable {
  RowKernels<R> at[AllNeurons::size][AllSurrogates::size];
};

template <class R>
struct IsaKernels {
  RowTable<R> rows;
  /// Copies to memory that is not read soon, past the caches. The caller fences.
  void (*stream)(const R* from, R* to, std::int64_t count);
  /// Sets bit i of `words` where spikes[i] is not 0; clears the rest of the last word.
  void (*pack)(const R* spikes, std::uint64_t* words, std::int64_t count);
};

namespace isa_v2 {
extern const IsaKernels<float> kernels_f32;
extern const IsaKernels<double> kernels_f64;
}  // namespace isa_v2
namespace isa_v3 {
extern const IsaKernels<float> kernels_f32;
extern const IsaKernels<double> kernels_f64;
}  // namespace isa_v3
namespace isa_v4 {
extern const IsaKernels<float> kernels_f32;
extern const IsaKernels<double> kernels_f64;
}  // namespace isa_v4

/// The kernels compiled for `level`.
template <class R>
const IsaKernels<R>& isa_kernels(IsaLevel level = isa_level());

}  // namespace ranvier::neurons
