#include "ranvier/core/tensor.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "ranvier/core/detail/cuda_runtime.h"
#include "ranvier/core/detail/tensor_impl.h"
#include "ranvier/core/detail/tensor_kernels.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/parallel.h"

namespace ranvier {

namespace {
constexpr std::int64_t grain = 1 << 15;
}

std::int64_t array_bytes(const Shape& shape, DType dtype) {
  std::int64_t number = shape.numel(), bytes_each = 8;
  if (dtype != DType::bits) {
    bytes_each = element_size(dtype);
  } else if (shape.rank() > 0) {
    number = shape.sub(0, shape.rank() - 1).numel();
    bytes_each = words_per_row(shape[-1]) * 8;
  }
  std::int64_t bytes = 0;
  RV_CHECK(!__builtin_mul_overflow(number, bytes_each, &bytes),
           "[tensor] {} elements of {} do not fit memory.", shape, dtype);
  return bytes;
}

Tensor::Tensor(std::shared_ptr<Storage> storage, std::int64_t offset, Shape shape, DType dtype)
    : impl_(std::make_shared<detail::TensorImpl>()) {
  RV_ASSERT(offset >= 0 &&
                offset + array_bytes(shape, dtype) <= static_cast<std::int64_t>(storage->bytes()),
            "[tensor] a view of {} {} at byte {} leaves its storage of {} bytes", shape, dtype,
            offset, storage->bytes());
  impl_->storage = std::move(storage);
  impl_->offset = offset;
  impl_->shape = shape;
  impl_->dtype = dtype;
}

detail::TensorImpl& Tensor::impl() const {
  RV_CHECK(impl_ != nullptr,
           "[tensor] the tensor is undefined: default-constructed, moved to another place, or a "
           "result that was not asked for, as a gradient before backward.");
  return *impl_;
}

const Shape& Tensor::shape() const { return impl().shape; }
DType Tensor::dtype() const { return impl().dtype; }
Device Tensor::device() const { return impl().storage->device(); }
std::int64_t Tensor::nbytes() const { return array_bytes(shape(), dtype()); }
const std::shared_ptr<Storage>& Tensor::storage() const { return impl().storage; }
std::int64_t Tensor::storage_offset() const { return impl().offset; }
const std::byte* Tensor::raw_data() const { return impl().storage->data() + impl().offset; }

std::byte* Tensor::mutable_raw_data() {
  impl().storage->bump_version();
  return impl().storage->data() + impl().offset;
}

const void* Tensor::checked_data(DType wanted) const {
  RV_CHECK(dtype() == wanted, "[tensor] the tensor holds {}; it was accessed as {}.", dtype(),
           wanted);
  RV_CHECK(device() == cpu_device, "[tensor] the tensor is on {}; move it to the CPU to access it.",
           device());
  return raw_data();
}

double Tensor::item() const {
  RV_CHECK(numel() == 1, "[item] the tensor must have one element; its shape is {}.", shape());
  return to_vector(*this).front();
}

bool Tensor::is_unique() const { return impl_.use_count() == 1 && impl_->storage.use_count() == 1; }

namespace {
struct ToDeviceBackward final : Node {
  explicit ToDeviceBackward(Device from) : source(from) {}
  Device source;

  const char* name() const override { return "ToDeviceBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    return {grads[0].to(source)};
  }
};
}  // namespace

Tensor Tensor::to(Device target) const {
  if (device() == target) return *this;
  Tensor result = empty(shape(), {.dtype = dtype(), .device = target});
  copy_into(result, *this);
  if (grad_needed({*this})) attach(std::make_shared<ToDeviceBackward>(device()), {*this}, {result});
  return result;
}

Tensor empty(const Shape& shape, TensorOptions options) {
  const std::int64_t bytes = array_bytes(shape, options.dtype);
  return Tensor(std::make_shared<Storage>(static_cast<std::size_t>(bytes), options.device), 0,
                shape, options.dtype);
}

Tensor zeros(const Shape& shape, TensorOptions options) {
  Tensor result = empty(shape, options);
  std::byte* bytes = result.mutable_raw_data();
  if (options.device.type == DeviceType::cuda) {
    detail::cuda_runtime().clear(options.device.index, bytes,
                                 static_cast<std::size_t>(result.nbytes()));
    return result;
  }
  parallel_for(0, result.nbytes(), grain * 4, [&](std::int64_t begin, std::int64_t end) {
    std::memset(bytes + begin, 0, static_cast<std::size_t>(end - begin));
  });
  return result;
}

Tensor full(const Shape& shape, double value, TensorOptions options) {
  Tensor result = empty(shape, options);
  fill(result, value);
  return result;
}

Tensor empty_like(const Tensor& like) {
  return empty(like.shape(), {.dtype = like.dtype(), .device = like.device()});
}

Tensor zeros_like(const Tensor& like) {
  return zeros(like.shape(), {.dtype = like.dtype(), .device = like.device()});
}

template <class T>
Tensor from_span(std::span<const T> values, const Shape& shape) {
  RV_CHECK(static_cast<std::int64_t>(values.size()) == shape.numel(),
           "[from_span] {} needs {} values; got {}.", shape, shape.numel(), values.size());
  Tensor result = empty(shape, {.dtype = dtype_of<T>});
  std::copy(values.begin(), values.end(), result.mutable_data<T>());
  return result;
}
template Tensor from_span(std::span<const float>, const Shape&);
template Tensor from_span(std::span<const double>, const Shape&);
template Tensor from_span(std::span<const std::uint8_t>, const Shape&);
template Tensor from_span(std::span<const std::int64_t>, const Shape&);

Tensor tensor(std::initializer_list<float> values) {
  return from_span(std::span<const float>(values.begin(), values.size()),
                   Shape{static_cast<std::int64_t>(values.size())});
}

Tensor scalar(double value, TensorOptions options) { return full({}, value, options); }

Tensor clone(const Tensor& source) {
  Tensor copy = empty_like(source);
  copy_into(copy, source);
  return copy;
}

void copy_into(Tensor& target, const Tensor& source) {
  RV_CHECK(target.shape() == source.shape() && target.dtype() == source.dtype(),
           "[copy] target and source must match; got {} {} and {} {}.", target.dtype(),
           target.shape(), source.dtype(), source.shape());
  const std::byte* from = source.raw_data();
  std::byte* to = target.mutable_raw_data();
  if (target.device() != cpu_device || source.device() != cpu_device) {
    detail::cuda_runtime().copy(to, target.device(), from, source.device(),
                                static_cast<std::size_t>(source.nbytes()));
    return;
  }
  parallel_for(0, source.nbytes(), grain * 4, [&](std::int64_t begin, std::int64_t end) {
    std::memcpy(to + begin, from + begin, static_cast<std::size_t>(end - begin));
  });
}

namespace {
void fill_cpu(Tensor& target, double value) {
  detail::visit_numeric(target.dtype(), [&]<class T>(detail::Type<T>) {
    T* out = target.mutable_data<T>();
    const T element = detail::convert<double, T>(value);
    parallel_for(0, target.numel(), grain, [&](std::int64_t begin, std::int64_t end) {
      std::fill(out + begin, out + end, element);
    });
  });
}
}  // namespace

namespace detail {
constinit DeviceKernels<FillKernel> fill_kernels{.cpu = fill_cpu};
}

void fill(Tensor& target, double value) {
  RV_CHECK(target.dtype() != DType::bits, "[fill] packed spikes cannot be filled with a value.");
  kernel_for("fill", target.device(), detail::fill_kernels)(target, value);
}

namespace {
std::vector<double> bits_to_vector(const Tensor& source) {
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(source.numel()));
  const std::int64_t columns = source.rank() == 0 ? 1 : source.size(-1);
  const auto* row = source.data<std::uint64_t>();
  for (std::int64_t done = 0; done < source.numel(); done += columns, row += words_per_row(columns))
    for (std::int64_t c = 0; c < columns; ++c)
      values.push_back(static_cast<double>((row[c / 64] >> (c % 64)) & 1u));
  return values;
}
}  // namespace

std::vector<double> to_vector(const Tensor& source) {
  if (source.device() != cpu_device) return to_vector(source.detach().to(cpu_device));
  if (source.dtype() == DType::bits) return bits_to_vector(source);
  std::vector<double> values(static_cast<std::size_t>(source.numel()));
  detail::visit_numeric(source.dtype(), [&]<class T>(detail::Type<T>) {
    std::transform(source.data<T>(), source.data<T>() + source.numel(), values.begin(),
                   [](T x) { return detail::convert<T, double>(x); });
  });
  return values;
}

}  // namespace ranvier
