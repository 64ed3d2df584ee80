#include "ranvier/distributed/sample_gather.h"

#include <memory>
#include <vector>

#include "ranvier/core/tape.h"

namespace ranvier {
namespace {

/// Adds up the gradients of all ranks for this one's samples, in the order of the row.
struct GatherSamplesBackward final : Node {
  GatherSamplesBackward(const Group& row, const Tensor& whole)
      : row(row), shape(whole.shape()), options{.dtype = whole.dtype(), .device = whole.device()} {}
  Group row;
  Shape shape;
  TensorOptions options;

  const char* name() const override { return "GatherSamplesBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    return {reduce_scatter(row, grads[0].defined() ? grads[0] : zeros(shape, options))};
  }
};

}  // namespace

// A number of the output costs four operations for each weight that it is summed over, about
// fan_in / 12 ns, of which at least half is saved; it and its gradient travel once, about 6 ns.
// Below some ten million weights times samples the messages' latency and products of few rows take
// what is saved (docs/decisions/0027-ranks.md).
bool sharing_pays(const StaticWork& work) {
  constexpr std::int64_t least_fan_in = 256;
  constexpr double least_products = 3e7;
  return work.fan_in >= least_fan_in &&
         static_cast<double>(work.weights) * static_cast<double>(work.samples) >= least_products;
}

bool shares_samples(StaticLayers how, const StaticWork& work, int ranks) {
  if (how == StaticLayers::each || ranks == 1 || work.samples < ranks) return false;
  return how == StaticLayers::shared || sharing_pays(work);
}

Tensor SampleGather::gather(const Tensor& part, std::int64_t samples) {
  const Tensor whole = all_gather_parts(row_, part, samples);
  if (grad_needed({part}))
    relay_.attach_exchange(std::make_shared<GatherSamplesBackward>(row_, whole), {&part, 1},
                           {whole});
  return whole;
}

}  // namespace ranvier
