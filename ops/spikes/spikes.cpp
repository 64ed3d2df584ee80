#include "ranvier/ops/spikes/spikes.h"

#include "ranvier/core/activity.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/spikes/detail/packing.h"
#include "ranvier/ops/spikes/detail/spike_kernels.h"

namespace ranvier {
namespace {

struct ToBitsBackward final : Node {
  explicit ToBitsBackward(DType from) : source_dtype(from) {}
  DType source_dtype;

  const char* name() const override { return "ToBitsBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    return {grads[0].to(source_dtype)};
  }
};

struct FromBitsBackward final : Node {
  const char* name() const override { return "FromBitsBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    return {grads[0].to(DType::f32)};
  }
};

void to_bits_cpu(const Tensor& x, Tensor& spikes) {
  const auto [rows, columns] = detail::PackedRows(x.shape());
  auto* words = spikes.mutable_data<std::uint64_t>();
  if (x.dtype() == DType::f32) return detail::pack_spikes(x.data<float>(), rows, columns, words);
  detail::visit_numeric(x.dtype(), [&, rows = rows, columns = columns]<class T>(detail::Type<T>) {
    const T* values = x.data<T>();
    for (std::int64_t row = 0; row < rows; ++row, words += words_per_row(columns)) {
      std::fill_n(words, words_per_row(columns), std::uint64_t{0});
      for (std::int64_t i = 0; i < columns; ++i, ++values)
        words[i / 64] |= static_cast<std::uint64_t>(detail::is_spike(*values)) << (i % 64);
    }
  });
}

void from_bits_cpu(const Tensor& spikes, Tensor& result) {
  const auto [rows, columns] = detail::PackedRows(spikes.shape());
  const auto* words = spikes.data<std::uint64_t>();
  if (result.dtype() == DType::f32)
    return detail::unpack_spikes(words, rows, columns, result.mutable_data<float>());
  if (result.dtype() == DType::bf16)
    return detail::unpack_spikes_bf16(
        words, rows, columns, reinterpret_cast<std::uint16_t*>(result.mutable_data<bfloat16>()));
  detail::visit_numeric(
      result.dtype(), [&, rows = rows, columns = columns]<class T>(detail::Type<T>) {
        T* values = result.mutable_data<T>();
        for (std::int64_t row = 0; row < rows; ++row, words += words_per_row(columns))
          for (std::int64_t i = 0; i < columns; ++i)
            *values++ = detail::convert<std::uint64_t, T>(words[i / 64] >> (i % 64) & 1);
      });
}

}  // namespace

namespace detail {
constinit DeviceKernels<PackKernel> pack_kernels{.cpu = to_bits_cpu};
constinit DeviceKernels<UnpackKernel> unpack_kernels{.cpu = from_bits_cpu};
}  // namespace detail

Tensor to_bits(const Tensor& x) {
  const OperationScope operation("to_bits");
  if (x.dtype() == DType::bits) return x;
  RV_CHECK(x.rank() >= 1, "[to_bits] x must have at least one axis; got {}.", x.shape());
  Tensor spikes = empty(x.shape(), {.dtype = DType::bits, .device = x.device()});
  kernel_for("to_bits", x.device(), detail::pack_kernels)(x, spikes);
  if (grad_needed({x})) attach(std::make_shared<ToBitsBackward>(x.dtype()), {x}, {spikes});
  return spikes;
}

Tensor from_bits(const Tensor& spikes, DType dtype) {
  const OperationScope operation("from_bits");
  RV_CHECK(spikes.dtype() == DType::bits, "[from_bits] needs packed spikes; got {}.",
           spikes.dtype());
  RV_CHECK(dtype != DType::bits, "[from_bits] needs a numeric dtype; got bits.");
  Tensor result = empty(spikes.shape(), {.dtype = dtype, .device = spikes.device()});
  kernel_for("from_bits", spikes.device(), detail::unpack_kernels)(spikes, result);
  if (is_floating(dtype) && grad_needed({spikes}))
    attach(std::make_shared<FromBitsBackward>(), {spikes}, {result});
  return result;
}

std::int64_t count_spikes(const Tensor& spikes) {
  RV_CHECK(spikes.dtype() == DType::bits, "[count_spikes] needs packed spikes; got {}.",
           spikes.dtype());
  if (spikes.device() != cpu_device) return count_spikes(spikes.detach().to(cpu_device));
  return detail::count_spikes(spikes.data<std::uint64_t>(), spikes.nbytes() / 8);
}

double density(const Tensor& spikes) {
  RV_CHECK(spikes.dtype() == DType::bits, "[density] needs packed spikes; got {}.", spikes.dtype());
  if (spikes.numel() == 0) return 0;
  return static_cast<double>(count_spikes(spikes)) / static_cast<double>(spikes.numel());
}

}  // namespace ranvier
