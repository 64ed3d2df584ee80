#include "ranvier/core/rounded_copy.h"

#include "ranvier/core/detail/tensor_kernels.h"
#include "ranvier/core/dispatch.h"

namespace ranvier {
namespace {

thread_local detail::RecordedCopies* recording = nullptr;

bool up_to_date(const Storage& storage) {
  return storage.rounded_copy()->version == storage.version();
}

void renew_copy(const Tensor& weight) {
  kernel_for("rounded_copy", weight.device(), detail::convert_kernels)(
      weight, weight.storage()->rounded_copy()->values);
  detail::mark_renewed(weight);
}

}  // namespace

Tensor rounded_copy(const Tensor& weight, DType dtype) {
  RV_CHECK(weight.dtype() == DType::f32 && (dtype == DType::bf16 || dtype == DType::f16),
           "[rounded_copy] rounds f32 to bf16 or f16; got {} to {}.", weight.dtype(), dtype);
  Storage& storage = *weight.storage();
  const auto& kept = storage.rounded_copy();
  const bool fits =
      kept != nullptr && kept->values.dtype() == dtype && kept->values.shape() == weight.shape();
  // A copy that is made or renewed while work is recorded would hold nothing until the launch.
  const bool whole = weight.nbytes() == static_cast<std::int64_t>(storage.bytes());
  if (!whole || (recording != nullptr && !(fits && up_to_date(storage))))
    return weight.detach().to(dtype);
  if (!fits)
    storage.keep_rounded_copy(std::make_shared<detail::RoundedCopy>(
        empty(weight.shape(), {.dtype = dtype, .device = weight.device()}), storage.version() - 1));
  if (!up_to_date(storage)) renew_copy(weight);
  if (recording != nullptr) recording->weights_.push_back(weight.detach());
  return kept->values;
}

namespace detail {

Tensor kept_copy(const Tensor& weight) {
  const auto& kept = weight.storage()->rounded_copy();
  return kept == nullptr ? Tensor() : kept->values;
}

void mark_renewed(const Tensor& weight) {
  weight.storage()->rounded_copy()->version = weight.storage()->version();
}

RecordedCopies::Recording::Recording(RecordedCopies& copies) {
  RV_ASSERT(recording == nullptr, "[rounded_copy] another recording is alive on this thread.");
  recording = &copies;
}

RecordedCopies::Recording::~Recording() { recording = nullptr; }

void RecordedCopies::renew() const {
  for (const Tensor& weight : weights_)
    if (!up_to_date(*weight.storage())) renew_copy(weight);
}

}  // namespace detail
}  // namespace ranvier
