#include "ranvier/ops/sequence/lengths.h"

#include "ranvier/core/autocast.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/sequence/detail/lengths.h"
#include "ranvier/ops/sequence/detail/sequence_kernels.h"
#include "ranvier/ops/spikes/detail/spike_kernels.h"

namespace ranvier {

void detail::check_lengths(const char* op, const Tensor& lengths, std::int64_t steps,
                           std::int64_t batch) {
  RV_CHECK(lengths.shape() == Shape{batch} && lengths.dtype() == DType::i64,
           "[{}] lengths must be i64 {}, one for each sample; got {} {}.", op, Shape{batch},
           lengths.dtype(), lengths.shape());
  if (lengths.device() != cpu_device) return;  // reading them would wait for the device
  const auto* length = lengths.data<std::int64_t>();
  for (std::int64_t b = 0; b < batch; ++b)
    RV_CHECK(length[b] >= 1 && length[b] <= steps,
             "[{}] length {} is {}; it must be in [1, {}], the number of steps.", op, b, length[b],
             steps);
}

namespace {

void step_mask_cpu(const Tensor& lengths, Tensor& mask) {
  const std::int64_t steps = mask.size(0), batch = mask.size(1);
  const auto* length = lengths.data<std::int64_t>();
  float* out = mask.mutable_data<float>();
  for (std::int64_t t = 0; t < steps; ++t)
    for (std::int64_t b = 0; b < batch; ++b) *out++ = t < length[b] ? 1.0f : 0.0f;
}

/// The sum over the samples' own steps of what `step_sum(row)` returns for each row [T * B].
template <class StepSum>
double sum_of_steps(const std::int64_t* length, std::int64_t steps, std::int64_t batch,
                    StepSum step_sum) {
  double total = 0;
  for (std::int64_t t = 0; t < steps; ++t)
    for (std::int64_t b = 0; b < batch; ++b)
      if (length == nullptr || t < length[b]) total += step_sum(t * batch + b);
  return total;
}

double firing_rate_cpu(const Tensor& spikes, const Tensor& lengths) {
  const std::int64_t steps = spikes.size(0), batch = spikes.size(1);
  const auto* const length = lengths.defined() ? lengths.data<std::int64_t>() : nullptr;
  const std::int64_t neurons = spikes.numel() / (steps * batch);
  const double counted = sum_of_steps(length, steps, batch, [](std::int64_t) { return 1.0; });
  double fired = 0;
  if (spikes.dtype() == DType::bits) {
    const std::int64_t words = spikes.nbytes() / 8 / (steps * batch);
    const auto* word = spikes.data<std::uint64_t>();
    const auto count = detail::spike_kernels().count;
    fired = sum_of_steps(length, steps, batch, [=](std::int64_t row) {
      return static_cast<double>(count(word + row * words, words));
    });
  } else {
    detail::visit_real("firing_rate", spikes.dtype(), [&]<class T>(detail::Type<T>) {
      const T* value = spikes.data<T>();
      fired = sum_of_steps(length, steps, batch, [=](std::int64_t row) {
        double sum = 0;
        for (std::int64_t i = 0; i < neurons; ++i)
          sum += static_cast<double>(value[row * neurons + i]);
        return sum;
      });
    });
  }
  return fired / (counted * static_cast<double>(neurons));
}

}  // namespace

namespace detail {
constinit DeviceKernels<StepMaskKernel> step_mask_kernels{.cpu = step_mask_cpu};
constinit DeviceKernels<FiringRateKernel> firing_rate_kernels{.cpu = firing_rate_cpu};
}  // namespace detail

Tensor step_mask(const Tensor& lengths, std::int64_t steps) {
  RV_CHECK(steps >= 1, "[step_mask] there must be at least one step; got {}.", steps);
  RV_CHECK(lengths.rank() == 1, "[step_mask] lengths must be [B]; got {}.", lengths.shape());
  const std::int64_t batch = lengths.size(0);
  detail::check_lengths("step_mask", lengths, steps, batch);
  Tensor mask = empty({steps, batch}, {.device = lengths.device()});
  kernel_for("step_mask", mask.device(), detail::step_mask_kernels)(lengths, mask);
  return mask;
}

double firing_rate(const Tensor& given, const Tensor& lengths) {
  const Tensor spikes = widened(given);
  RV_CHECK(spikes.rank() >= 2 && spikes.numel() > 0,
           "[firing_rate] spikes must be [T, B, ...] and not empty; got {}.", spikes.shape());
  RV_CHECK(spikes.dtype() != DType::bits || spikes.rank() >= 3,
           "[firing_rate] packed spikes must be [T, B, N, ...]; got {}.", spikes.shape());
  if (lengths.defined())
    detail::check_lengths("firing_rate", lengths, spikes.size(0), spikes.size(1));
  return kernel_for("firing_rate", spikes.device(), detail::firing_rate_kernels)(spikes, lengths);
}

}  // namespace ranvier
