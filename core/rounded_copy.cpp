#include "ranvier/core/rounded_copy.h"

#include "ranvier/core/detail/tensor_kernels.h"
#include "ranvier/core/dispatch.h"

namespace ranvier {
namespace {

thread_local detail::RecordedCopies* recording = nullptr;

bool up_to_date(const detail::RoundedCopy& copy, const Tensor& weight) {
  return copy.version == weight.storage()->version();
}

void renew_copy(detail::RoundedCopy& copy, const Tensor& weight) {
  if (up_to_date(copy, weight)) return;
  kernel_for("rounded_copy", weight.device(), detail::convert_kernels)(weight, copy.values);
  copy.version = weight.storage()->version();
}

bool is_whole_array(const Tensor& weight) {
  return weight.nbytes() == static_cast<std::int64_t>(weight.storage()->bytes());
}

/// Null: there is none, or it is that of an array of which `weight` is a part.
std::shared_ptr<detail::RoundedCopy> kept_of(const Tensor& weight) {
  return is_whole_array(weight) ? weight.storage()->rounded_copy() : nullptr;
}

}  // namespace

Tensor rounded_copy(const Tensor& weight, DType dtype) {
  RV_CHECK(weight.dtype() == DType::f32 && (dtype == DType::bf16 || dtype == DType::f16),
           "[rounded_copy] rounds f32 to bf16 or f16; got {} to {}.", weight.dtype(), dtype);
  std::shared_ptr<detail::RoundedCopy> kept = kept_of(weight);
  const bool fits =
      kept != nullptr && kept->values.dtype() == dtype && kept->values.shape() == weight.shape();
  // A copy that is made or renewed while work is recorded would hold nothing until the launch.
  if (!is_whole_array(weight) || (recording != nullptr && !(fits && up_to_date(*kept, weight))))
    return weight.detach().to(dtype);
  if (!fits) {
    kept = std::make_shared<detail::RoundedCopy>(
        empty(weight.shape(), {.dtype = dtype, .device = weight.device()}),
        weight.storage()->version() - 1);
    weight.storage()->keep_rounded_copy(kept);
  }
  renew_copy(*kept, weight);
  if (recording != nullptr) recording->read_.push_back({weight.detach(), kept});
  return kept->values;
}

namespace detail {

Tensor kept_copy(const Tensor& weight) {
  const auto kept = kept_of(weight);
  return kept != nullptr && up_to_date(*kept, weight) ? kept->values : Tensor();
}

void mark_written(const Tensor& weight, bool with_copy) {
  const auto kept = with_copy ? kept_of(weight) : nullptr;
  if (recording != nullptr)
    recording->written_.push_back({weight.detach(), kept});
  else if (kept != nullptr)
    kept->version = weight.storage()->version();
}

RecordedCopies::Recording::Recording(RecordedCopies& copies) {
  RV_ASSERT(recording == nullptr, "[rounded_copy] another recording is alive on this thread.");
  recording = &copies;
}

RecordedCopies::Recording::~Recording() { recording = nullptr; }

void RecordedCopies::renew() const {
  for (const auto& [weight, copy] : read_) renew_copy(*copy, weight);
  for (const auto& [weight, copy] : written_) {
    if (copy != nullptr) renew_copy(*copy, weight);  // a step that is left out writes neither
    weight.storage()->bump_version();
    if (copy != nullptr) copy->version = weight.storage()->version();
  }
}

}  // namespace detail
}  // namespace ranvier
