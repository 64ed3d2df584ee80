#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/data/detail/resident_kernels.h"

namespace ranvier::cuda {
namespace {

void gather_recordings(const Tensor& all_labels, const Tensor& all_lengths, const Tensor& samples,
                       std::int64_t steps, Tensor& labels, Tensor& lengths) {
  constexpr const char* op = "resident_events";
  const std::int64_t count = all_labels.numel();
  const std::int64_t* const sample = elements<std::int64_t>(op, samples);
  const std::int64_t* const label = elements<std::int64_t>(op, all_labels);
  const std::int64_t* const length = elements<std::int64_t>(op, all_lengths);
  std::int64_t* const out_labels = mutable_elements<std::int64_t>(op, labels);
  std::int64_t* const out_lengths = mutable_elements<std::int64_t>(op, lengths);
  for_each(op, samples.device(), samples.numel(), [=] __device__(std::int64_t b) {
    const std::int64_t i = sample[b];
    const bool there = i >= 0 && i < count;
    const std::int64_t own = there ? length[i] : 1;
    out_labels[b] = there ? label[i] : -1;
    out_lengths[b] = own < steps ? own : steps;
  });
}

const CudaKernel kernel(ranvier::detail::gather_recordings_kernels, gather_recordings);

}  // namespace
}  // namespace ranvier::cuda
