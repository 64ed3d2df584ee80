#include <algorithm>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/parallel.h"
#include "ranvier/ops/pool/detail/pool2d_kernels.h"

namespace ranvier::detail {
namespace {

using AxisWindow = Window<std::int64_t>;

/// Calls `body(input image, output pixel, window of rows, window of columns)` for every output of
/// images [first, last).
template <class Body>
void for_each_window(const PoolPlan& plan, std::int64_t first, std::int64_t last, Body body) {
  for (std::int64_t image = first; image < last; ++image) {
    std::int64_t output = image * plan.outputs();
    for (std::int64_t row = 0; row < plan.rows.outputs; ++row) {
      const AxisWindow rows = plan.rows[row];
      for (std::int64_t column = 0; column < plan.columns.outputs; ++column)
        body(image, output++, rows, plan.columns[column]);
    }
  }
}

/// As above for all images, which run in parallel.
template <class Body>
void for_each_window(const PoolPlan& plan, Body body) {
  parallel_for(0, plan.images, 1, [&](std::int64_t first, std::int64_t last) {
    for_each_window(plan, first, last, body);
  });
}

/// As above for windows that add to `gx` [images, height, width, channels], which may overlap; it
/// starts at zero.
template <class T, class Body>
void for_each_window_adding(const PoolPlan& plan, T* gx, Body body) {
  const std::int64_t image = plan.inputs() * plan.channels;
  parallel_for(0, plan.images, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      std::fill_n(gx + i * image, image, T(0));
      for_each_window(plan, i, i + 1, body);
    }
  });
}

/// Calls `body(input pixel)` in row order.
template <class Body>
void for_each_pixel(const PoolPlan& plan, std::int64_t image, const AxisWindow& rows,
                    const AxisWindow& columns, Body body) {
  for (std::int64_t row = rows.begin; row < rows.end; ++row)
    for (std::int64_t column = columns.begin; column < columns.end; ++column)
      body((image * plan.rows.size + row) * plan.columns.size + column);
}

std::int64_t first_pixel(const PoolPlan& plan, std::int64_t image, const AxisWindow& rows,
                         const AxisWindow& columns) {
  return (image * plan.rows.size + rows.begin) * plan.columns.size + columns.begin;
}

template <class T>
void max_pool_cpu(const PoolPlan& plan, const T* x, T* y) {
  const std::int64_t channels = plan.channels;
  for_each_window(plan, [&](std::int64_t image, std::int64_t output, const AxisWindow& rows,
                            const AxisWindow& columns) {
    T* best = y + output * channels;
    std::copy_n(x + first_pixel(plan, image, rows, columns) * channels, channels, best);
    for_each_pixel(plan, image, rows, columns, [&](std::int64_t pixel) {
      const T* value = x + pixel * channels;
      for (std::int64_t c = 0; c < channels; ++c)
        best[c] = beats(value[c], best[c]) ? value[c] : best[c];
    });
  });
}

template <class T>
void max_pool_backward_cpu(const PoolPlan& plan, const T* x, const T* gy, T* gx) {
  const std::int64_t channels = plan.channels;
  for_each_window_adding(plan, gx,
                         [&](std::int64_t image, std::int64_t output, const AxisWindow& rows,
                             const AxisWindow& columns) {
                           const std::int64_t start = first_pixel(plan, image, rows, columns);
                           for (std::int64_t c = 0; c < channels; ++c) {
                             std::int64_t winner = start;
                             for_each_pixel(plan, image, rows, columns, [&](std::int64_t pixel) {
                               if (beats(x[pixel * channels + c], x[winner * channels + c]))
                                 winner = pixel;
                             });
                             gx[winner * channels + c] += gy[output * channels + c];
                           }
                         });
}

template <class T>
void avg_pool_cpu(const PoolPlan& plan, const T* x, T* y) {
  const std::int64_t channels = plan.channels;
  for_each_window(plan, [&](std::int64_t image, std::int64_t output, const AxisWindow& rows,
                            const AxisWindow& columns) {
    T* mean = y + output * channels;
    std::fill_n(mean, channels, T(0));
    for_each_pixel(plan, image, rows, columns, [&](std::int64_t pixel) {
      for (std::int64_t c = 0; c < channels; ++c) mean[c] += x[pixel * channels + c];
    });
    const T area = static_cast<T>(rows.extent * columns.extent);
    for (std::int64_t c = 0; c < channels; ++c) mean[c] /= area;
  });
}

template <class T>
void avg_pool_backward_cpu(const PoolPlan& plan, const T* gy, T* gx) {
  const std::int64_t channels = plan.channels;
  for_each_window_adding(plan, gx,
                         [&](std::int64_t image, std::int64_t output, const AxisWindow& rows,
                             const AxisWindow& columns) {
                           const T area = static_cast<T>(rows.extent * columns.extent);
                           for_each_pixel(plan, image, rows, columns, [&](std::int64_t pixel) {
                             for (std::int64_t c = 0; c < channels; ++c)
                               gx[pixel * channels + c] += gy[output * channels + c] / area;
                           });
                         });
}

void max_pool_bits_cpu(const PoolPlan& plan, const std::uint64_t* x, std::uint64_t* y) {
  const std::int64_t words = words_per_row(plan.channels);
  for_each_window(plan, [&](std::int64_t image, std::int64_t output, const AxisWindow& rows,
                            const AxisWindow& columns) {
    std::fill_n(y + output * words, words, 0);
    for_each_pixel(plan, image, rows, columns, [&](std::int64_t pixel) {
      for (std::int64_t w = 0; w < words; ++w) y[output * words + w] |= x[pixel * words + w];
    });
  });
}

void max_pool_bits_backward_cpu(const PoolPlan& plan, const std::uint64_t* x, const float* gy,
                                float* gx) {
  const std::int64_t channels = plan.channels, words = words_per_row(channels);
  for_each_window_adding(
      plan, gx,
      [&](std::int64_t image, std::int64_t output, const AxisWindow& rows,
          const AxisWindow& columns) {
        const std::int64_t start = first_pixel(plan, image, rows, columns);
        for (std::int64_t c = 0; c < channels; ++c) {
          std::int64_t winner = -1;
          for_each_pixel(plan, image, rows, columns, [&](std::int64_t pixel) {
            const bool spike = ((x[pixel * words + c / 64] >> (c % 64)) & 1u) != 0;
            if (winner < 0 && spike) winner = pixel;
          });
          gx[(winner < 0 ? start : winner) * channels + c] += gy[output * channels + c];
        }
      });
}

void max_pool(const PoolPlan& plan, const Tensor& x, Tensor& y) {
  if (x.dtype() == DType::bits)
    return max_pool_bits_cpu(plan, x.data<std::uint64_t>(), y.mutable_data<std::uint64_t>());
  visit_real("max_pool2d", x.dtype(),
             [&]<class T>(Type<T>) { max_pool_cpu(plan, x.data<T>(), y.mutable_data<T>()); });
}

void max_pool_backward(const PoolPlan& plan, const Tensor& x, const Tensor& gy, Tensor& gx) {
  if (x.dtype() == DType::bits)
    return max_pool_bits_backward_cpu(plan, x.data<std::uint64_t>(), gy.data<float>(),
                                      gx.mutable_data<float>());
  visit_real("max_pool2d", x.dtype(), [&]<class T>(Type<T>) {
    max_pool_backward_cpu(plan, x.data<T>(), gy.data<T>(), gx.mutable_data<T>());
  });
}

void avg_pool(const PoolPlan& plan, const Tensor& x, Tensor& y) {
  visit_real("avg_pool2d", x.dtype(),
             [&]<class T>(Type<T>) { avg_pool_cpu(plan, x.data<T>(), y.mutable_data<T>()); });
}

void avg_pool_backward(const PoolPlan& plan, const Tensor& gy, Tensor& gx) {
  visit_real("avg_pool2d", gx.dtype(), [&]<class T>(Type<T>) {
    avg_pool_backward_cpu(plan, gy.data<T>(), gx.mutable_data<T>());
  });
}

}  // namespace

constinit DeviceKernels<PoolKernel> max_pool_kernels{.cpu = max_pool};
constinit DeviceKernels<PoolKernel> avg_pool_kernels{.cpu = avg_pool};
constinit DeviceKernels<MaxPoolBackwardKernel> max_pool_backward_kernels{.cpu = max_pool_backward};
constinit DeviceKernels<AvgPoolBackwardKernel> avg_pool_backward_kernels{.cpu = avg_pool_backward};

}  // namespace ranvier::detail
