#include "ranvier/data/device_order.h"

#include <algorithm>

#include "ranvier/data/detail/resident_kernels.h"

namespace ranvier {
namespace {

void next_samples_cpu(const Tensor& order, Tensor& place, Tensor& samples) {
  const auto* from = order.data<std::int64_t>();
  auto* first = place.mutable_data<std::int64_t>();
  auto* out = samples.mutable_data<std::int64_t>();
  for (std::int64_t i = 0; i < samples.numel(); ++i)
    out[i] = *first + i < order.numel() ? from[*first + i] : -1;
  *first += samples.numel();
}

Tensor pair(std::int64_t a, std::int64_t b) {
  return from_vector(std::vector<std::int64_t>{a, b}, {2});
}

}  // namespace

namespace detail {
constinit DeviceKernels<NextSamplesKernel> next_samples_kernels{.cpu = next_samples_cpu};
}

DeviceOrder::DeviceOrder(std::int64_t samples, const LoaderOptions& options, Device device)
    : options_((detail::check_loader_options(options, samples), options)),
      batches_(samples / options.batch_size),
      part_(Slice::of(options.batch_size, options.part.index, options.part.count)),
      shuffled_(static_cast<std::size_t>(samples)) {
  RV_CHECK(options.drop_last || samples % options.batch_size == 0,
           "[device_order] batches are all of one size, and {} samples are not a multiple of "
           "batch_size {}: set drop_last.",
           samples, options.batch_size);
  require_available(device);
  order_ = full({batches_ * part_.length()}, -1, {.dtype = DType::i64, .device = device});
  place_ = zeros({}, {.dtype = DType::i64, .device = device});
  samples_ = full({part_.length()}, -1, {.dtype = DType::i64, .device = device});
  draw_ = zeros({2}, {.dtype = DType::i64, .device = device});
}

void DeviceOrder::start(LoaderCursor cursor) {
  detail::check_cursor(cursor, batches_);
  detail::write_order(shuffled_, options_.shuffle, {.seed = options_.seed, .epoch = cursor.epoch});
  detail::deal_rounds(shuffled_, options_.batch_size, options_.part);
  Tensor own = empty(order_.shape(), {.dtype = DType::i64});
  for (std::int64_t batch = 0; batch < batches_; ++batch)
    std::copy_n(shuffled_.begin() + batch * options_.batch_size + part_.begin, part_.length(),
                own.mutable_data<std::int64_t>() + batch * part_.length());
  copy_into(order_, own);
  fill(place_, static_cast<double>(cursor.batch * part_.length()));
  copy_into(draw_, pair(static_cast<std::int64_t>(options_.seed), cursor.epoch));
}

void DeviceOrder::next() {
  kernel_for("device_order", order_.device(), detail::next_samples_kernels)(order_, place_,
                                                                            samples_);
}

}  // namespace ranvier
