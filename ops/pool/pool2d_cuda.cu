// Pooling on a CUDA device. Forward a thread makes one output of neighbouring channels; backward
// one gradient of an input, from the windows that hold it, in the order in which the CPU adds them.
// T is what values are stored as.
#include <limits>
#include <type_traits>

#include "ranvier/core/detail/cuda_launch.h"
#include "ranvier/core/detail/cuda_pack.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/pool/detail/pool2d_kernels.h"

namespace ranvier::cuda {
namespace {

using ranvier::detail::beats;
using ranvier::detail::Computed;
using ranvier::detail::PoolPlan;
using ranvier::detail::Type;
using ranvier::detail::Windows;
using Window = ranvier::detail::Window<int>;
using WindowRange = ranvier::detail::WindowRange<int>;

/// A plan for images from `first_image` on; items of one launch are counted in `int`.
struct Slice {
  std::int64_t first_image;
  int images, channels;
  Windows<int> rows, columns;

  __device__ std::int64_t input(std::int64_t image, int row, int column) const {
    return (image * rows.size + row) * columns.size + column;
  }
  __device__ std::int64_t output(std::int64_t image, int row, int column) const {
    return (image * rows.outputs + row) * columns.outputs + column;
  }
};

/// Item number `item` of [images, height, width, parts of the channels].
struct Place {
  std::int64_t image;
  int row, column, part;
  __device__ Place(const Slice& slice, int item, int height, int width, int parts) {
    part = item % parts;
    column = item / parts % width;
    row = item / parts / width % height;
    image = slice.first_image + item / parts / width / height;
  }
};

/// Calls `body(input pixel)` for the pixels of a window in row order.
template <class Body>
__device__ __forceinline__ void for_window(const Slice& slice, std::int64_t image,
                                           const Window& rows, const Window& columns, Body body) {
  for (int row = rows.begin; row < rows.end; ++row)
    for (int column = columns.begin; column < columns.end; ++column)
      body(slice.input(image, row, column));
}

/// Calls `body(output pixel, window of rows, window of columns)` for the windows that hold an input
/// pixel, in row order.
template <class Body>
__device__ __forceinline__ void for_covering(const Slice& slice, const Place& at, Body body) {
  const WindowRange rows = slice.rows.covering(at.row);
  const WindowRange columns = slice.columns.covering(at.column);
  for (int row = rows.begin; row < rows.end; ++row)
    for (int column = columns.begin; column < columns.end; ++column)
      body(slice.output(at.image, row, column), slice.rows[row], slice.columns[column]);
}

template <class T, int lanes>
struct MaxPool {
  using R = Computed<T>;
  Slice slice;
  const T* x;
  T* y;

  __device__ void operator()(std::int64_t item) const {
    const Place at(slice, static_cast<int>(item), slice.rows.outputs, slice.columns.outputs,
                   slice.channels / lanes);
    const std::int64_t output = slice.output(at.image, at.row, at.column);
    const int c = at.part * lanes;
    Pack<R, lanes> best;
    bool first = true;
    for_window(slice, at.image, slice.rows[at.row], slice.columns[at.column],
               [&](std::int64_t pixel) {
                 const auto value = load_as<R, lanes>(x + pixel * slice.channels + c);
#pragma unroll
                 for (int i = 0; i < lanes; ++i)
                   best.lane[i] =
                       first || beats(value.lane[i], best.lane[i]) ? value.lane[i] : best.lane[i];
                 first = false;
               });
    store_as(y + output * slice.channels + c, best);
  }
};

template <class T, int lanes>
struct MaxPoolBackward {
  using R = Computed<T>;
  Slice slice;
  const T *x, *gy;
  T* gx;

  __device__ void operator()(std::int64_t item) const {
    const Place at(slice, static_cast<int>(item), slice.rows.size, slice.columns.size,
                   slice.channels / lanes);
    const std::int64_t input = slice.input(at.image, at.row, at.column);
    const int c = at.part * lanes;
    Pack<R, lanes> sum{};
    for_covering(slice, at, [&](std::int64_t output, const Window& rows, const Window& columns) {
      Pack<R, lanes> best;
      bool wins[lanes] = {}, first = true;
      for_window(slice, at.image, rows, columns, [&](std::int64_t pixel) {
        const auto value = load_as<R, lanes>(x + pixel * slice.channels + c);
#pragma unroll
        for (int i = 0; i < lanes; ++i)
          if (first || beats(value.lane[i], best.lane[i])) {
            best.lane[i] = value.lane[i];
            wins[i] = pixel == input;
          }
        first = false;
      });
      const auto grad = load_as<R, lanes>(gy + output * slice.channels + c);
#pragma unroll
      for (int i = 0; i < lanes; ++i)
        if (wins[i]) sum.lane[i] += grad.lane[i];
    });
    store_as(gx + input * slice.channels + c, sum);
  }
};

template <class T, int lanes>
struct AvgPool {
  using R = Computed<T>;
  Slice slice;
  const T* x;
  T* y;

  __device__ void operator()(std::int64_t item) const {
    const Place at(slice, static_cast<int>(item), slice.rows.outputs, slice.columns.outputs,
                   slice.channels / lanes);
    const std::int64_t output = slice.output(at.image, at.row, at.column);
    const int c = at.part * lanes;
    const Window rows = slice.rows[at.row], columns = slice.columns[at.column];
    Pack<R, lanes> mean{};
    for_window(slice, at.image, rows, columns, [&](std::int64_t pixel) {
      const auto value = load_as<R, lanes>(x + pixel * slice.channels + c);
#pragma unroll
      for (int i = 0; i < lanes; ++i) mean.lane[i] += value.lane[i];
    });
    const R area = static_cast<R>(rows.extent * columns.extent);
#pragma unroll
    for (int i = 0; i < lanes; ++i) mean.lane[i] /= area;
    store_as(y + output * slice.channels + c, mean);
  }
};

template <class T, int lanes>
struct AvgPoolBackward {
  using R = Computed<T>;
  Slice slice;
  const T* gy;
  T* gx;

  __device__ void operator()(std::int64_t item) const {
    const Place at(slice, static_cast<int>(item), slice.rows.size, slice.columns.size,
                   slice.channels / lanes);
    const std::int64_t input = slice.input(at.image, at.row, at.column);
    const int c = at.part * lanes;
    Pack<R, lanes> sum{};
    for_covering(slice, at, [&](std::int64_t output, const Window& rows, const Window& columns) {
      const auto grad = load_as<R, lanes>(gy + output * slice.channels + c);
      const R area = static_cast<R>(rows.extent * columns.extent);
#pragma unroll
      for (int i = 0; i < lanes; ++i) sum.lane[i] += grad.lane[i] / area;
    });
    store_as(gx + input * slice.channels + c, sum);
  }
};

/// One word of 64 channels.
struct MaxPoolBits {
  Slice slice;
  const std::uint64_t* x;
  std::uint64_t* y;

  __device__ void operator()(std::int64_t item) const {
    const int words = (slice.channels + 63) / 64;
    const Place at(slice, static_cast<int>(item), slice.rows.outputs, slice.columns.outputs, words);
    std::uint64_t any = 0;
    for_window(slice, at.image, slice.rows[at.row], slice.columns[at.column],
               [&](std::int64_t pixel) { any |= x[pixel * words + at.part]; });
    y[slice.output(at.image, at.row, at.column) * words + at.part] = any;
  }
};

struct MaxPoolBitsBackward {
  Slice slice;
  const std::uint64_t* x;
  const float* gy;
  float* gx;

  __device__ void operator()(std::int64_t item) const {
    const Place at(slice, static_cast<int>(item), slice.rows.size, slice.columns.size,
                   slice.channels);
    const std::int64_t input = slice.input(at.image, at.row, at.column);
    const int c = at.part, words = (slice.channels + 63) / 64;
    float sum = 0;
    for_covering(slice, at, [&](std::int64_t output, const Window& rows, const Window& columns) {
      std::int64_t winner = -1, start = -1;
      for_window(slice, at.image, rows, columns, [&](std::int64_t pixel) {
        if (start < 0) start = pixel;
        const bool spike = ((x[pixel * words + c / 64] >> (c % 64)) & 1u) != 0;
        if (winner < 0 && spike) winner = pixel;
      });
      if ((winner < 0 ? start : winner) == input) sum += gy[output * slice.channels + c];
    });
    gx[input * slice.channels + c] = sum;
  }
};

/// Calls `launch(slice, items)` for images whose items, `per_image` each, can be counted in `int`.
template <class Launch>
void for_slices(const char* op, const PoolPlan& plan, std::int64_t per_image, Launch launch) {
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  const auto narrow = [&](const Windows<std::int64_t>& w) {
    RV_CHECK(w.size * w.outputs <= most,
             "[{}] an image of {} by {} is too large for a CUDA device.", op, plan.rows.size,
             plan.columns.size);
    return Windows<int>{static_cast<int>(w.size), static_cast<int>(w.outputs),
                        static_cast<int>(w.kernel), static_cast<int>(w.stride),
                        static_cast<int>(w.padding)};
  };
  RV_CHECK(per_image <= most, "[{}] an image of {} by {} by {} is too large for a CUDA device.", op,
           plan.rows.size, plan.columns.size, plan.channels);
  if (per_image == 0) return;
  Slice slice{0, 0, static_cast<int>(plan.channels), narrow(plan.rows), narrow(plan.columns)};
  for (; slice.first_image < plan.images; slice.first_image += slice.images) {
    slice.images = static_cast<int>(std::min(most / per_image, plan.images - slice.first_image));
    launch(slice, slice.images * per_image);
  }
}

/// Runs Kernel<T, lanes>{slice, arrays...} for each pack of channels of `pixels` pixels an image.
template <template <class, int> class Kernel, class T, class... Arrays>
void for_packs(const char* op, Device device, const PoolPlan& plan, std::int64_t pixels,
               Arrays... arrays) {
  visit_lanes_as<T>(plan.channels, {arrays...}, {},
                    [&]<int lanes>(std::integral_constant<int, lanes>) {
                      for_slices(op, plan, pixels * (plan.channels / lanes),
                                 [&](const Slice& slice, std::int64_t items) {
                                   for_each(op, device, items, Kernel<T, lanes>{slice, arrays...});
                                 });
                    });
}

void max_pool(const PoolPlan& plan, const Tensor& x, Tensor& y) {
  const char* const op = "max_pool2d";
  if (x.dtype() == DType::bits) {
    const auto* const from = elements<std::uint64_t>(op, x);
    auto* const to = mutable_elements<std::uint64_t>(op, y);
    return for_slices(op, plan, plan.outputs() * words_per_row(plan.channels),
                      [&](const Slice& slice, std::int64_t items) {
                        for_each(op, x.device(), items, MaxPoolBits{slice, from, to});
                      });
  }
  ranvier::detail::visit_floating(op, x.dtype(), [&]<class T>(Type<T>) {
    for_packs<MaxPool, T>(op, x.device(), plan, plan.outputs(), elements<T>(op, x),
                          mutable_elements<T>(op, y));
  });
}

void max_pool_backward(const PoolPlan& plan, const Tensor& x, const Tensor& gy, Tensor& gx) {
  const char* const op = "max_pool2d";
  if (x.dtype() == DType::bits) {
    const auto* const from = elements<std::uint64_t>(op, x);
    const float* const grad = elements<float>(op, gy);
    float* const to = mutable_elements<float>(op, gx);
    return for_slices(op, plan, plan.inputs() * plan.channels,
                      [&](const Slice& slice, std::int64_t items) {
                        for_each(op, x.device(), items, MaxPoolBitsBackward{slice, from, grad, to});
                      });
  }
  ranvier::detail::visit_floating(op, x.dtype(), [&]<class T>(Type<T>) {
    for_packs<MaxPoolBackward, T>(op, x.device(), plan, plan.inputs(), elements<T>(op, x),
                                  elements<T>(op, gy), mutable_elements<T>(op, gx));
  });
}

void avg_pool(const PoolPlan& plan, const Tensor& x, Tensor& y) {
  const char* const op = "avg_pool2d";
  ranvier::detail::visit_floating(op, x.dtype(), [&]<class T>(Type<T>) {
    for_packs<AvgPool, T>(op, x.device(), plan, plan.outputs(), elements<T>(op, x),
                          mutable_elements<T>(op, y));
  });
}

void avg_pool_backward(const PoolPlan& plan, const Tensor& gy, Tensor& gx) {
  const char* const op = "avg_pool2d";
  ranvier::detail::visit_floating(op, gx.dtype(), [&]<class T>(Type<T>) {
    for_packs<AvgPoolBackward, T>(op, gx.device(), plan, plan.inputs(), elements<T>(op, gy),
                                  mutable_elements<T>(op, gx));
  });
}

const CudaKernel max_kernel(ranvier::detail::max_pool_kernels, max_pool);
const CudaKernel max_backward_kernel(ranvier::detail::max_pool_backward_kernels, max_pool_backward);
const CudaKernel avg_kernel(ranvier::detail::avg_pool_kernels, avg_pool);
const CudaKernel avg_backward_kernel(ranvier::detail::avg_pool_backward_kernels, avg_pool_backward);

}  // namespace
}  // namespace ranvier::cuda
