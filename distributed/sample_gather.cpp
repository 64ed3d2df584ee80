#include "ranvier/distributed/sample_gather.h"

#include <memory>
#include <vector>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/slice.h"

namespace ranvier {
namespace {

std::vector<Slice> slices(std::int64_t samples, const Group& row) {
  std::vector<Slice> of;
  for (int i = 0; i < row.size(); ++i) of.push_back(Slice::of(samples, i, row.size()));
  return of;
}

/// Adds up the gradients of all ranks for this one's samples, in the order of the row.
struct GatherSamplesBackward final : Node {
  GatherSamplesBackward(const Group& row, const Tensor& whole)
      : row(row), shape(whole.shape()), options{.dtype = whole.dtype(), .device = whole.device()} {}
  Group row;
  Shape shape;
  TensorOptions options;

  const char* name() const override { return "GatherSamplesBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Tensor grad = grads[0].defined() ? grads[0] : zeros(shape, options);
    const std::vector<Slice> of = slices(shape[0], row);
    const auto part = [&](int member) {
      const Slice& samples = of[static_cast<std::size_t>(member)];
      return slice(grad, 0, samples.begin, samples.end);
    };
    const Tensor own = part(row.index());
    std::vector<ToSend> sends;
    std::vector<Expected> expected;
    for (int i = 0; i < row.size(); ++i) {
      if (i == row.index()) continue;
      sends.push_back({row.rank(i), part(i)});
      expected.push_back({row.rank(i), own.shape(), options});
    }
    std::vector<Tensor> parts =
        row.transport().exchange(sends, std::move(expected), Channel::collective)->finish();
    parts.insert(parts.begin() + row.index(), own);
    const DType sum_dtype = detail::computed_dtype(options.dtype);
    Tensor sum = parts[0].to(sum_dtype);
    for (std::size_t i = 1; i < parts.size(); ++i) sum = add(sum, parts[i].to(sum_dtype));
    return {sum.to(options.dtype)};
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
  std::vector<std::int64_t> lengths;
  for (const Slice& of : slices(samples, row_)) lengths.push_back(of.length());
  Tensor whole;
  {
    const NoGradGuard no_grad;
    whole = concat(all_gather(row_, part.detach(), lengths), 0);
  }
  if (grad_needed({part}))
    relay_.attach_exchange(std::make_shared<GatherSamplesBackward>(row_, whole), {&part, 1},
                           {whole});
  return whole;
}

}  // namespace ranvier
