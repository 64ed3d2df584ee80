#include <algorithm>

#include "ranvier/core/dtype.h"
#include "ranvier/core/parallel.h"
#include "ranvier/ops/pool/detail/pool2d_cpu.h"

namespace ranvier::detail {
namespace {

/// Calls `body(input image, output pixel, window of rows, window of columns)` for every output;
/// images run in parallel, so windows of one image may overlap in what they write.
template <class Body>
void for_each_window(const PoolPlan& plan, Body body) {
  parallel_for(0, plan.images, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t image = first; image < last; ++image) {
      std::int64_t output =
          image * static_cast<std::int64_t>(plan.rows.size() * plan.columns.size());
      for (const Window& rows : plan.rows)
        for (const Window& columns : plan.columns) body(image, output++, rows, columns);
    }
  });
}

/// Calls `body(input pixel)` in row order.
template <class Body>
void for_each_pixel(const PoolPlan& plan, std::int64_t image, const Window& rows,
                    const Window& columns, Body body) {
  for (std::int64_t row = rows.begin; row < rows.end; ++row)
    for (std::int64_t column = columns.begin; column < columns.end; ++column)
      body((image * plan.height + row) * plan.width + column);
}

std::int64_t first_pixel(const PoolPlan& plan, std::int64_t image, const Window& rows,
                         const Window& columns) {
  return (image * plan.height + rows.begin) * plan.width + columns.begin;
}

// NaN wins, so that it is noticed.
template <class T>
bool beats(T value, T best) {
  return value > best || value != value;
}

}  // namespace

template <class T>
void max_pool_cpu(const PoolPlan& plan, const T* x, T* y) {
  const std::int64_t channels = plan.channels;
  for_each_window(plan, [&](std::int64_t image, std::int64_t output, const Window& rows,
                            const Window& columns) {
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
  for_each_window(plan, [&](std::int64_t image, std::int64_t output, const Window& rows,
                            const Window& columns) {
    const std::int64_t start = first_pixel(plan, image, rows, columns);
    for (std::int64_t c = 0; c < channels; ++c) {
      std::int64_t winner = start;
      for_each_pixel(plan, image, rows, columns, [&](std::int64_t pixel) {
        if (beats(x[pixel * channels + c], x[winner * channels + c])) winner = pixel;
      });
      gx[winner * channels + c] += gy[output * channels + c];
    }
  });
}

template <class T>
void avg_pool_cpu(const PoolPlan& plan, const T* x, T* y) {
  const std::int64_t channels = plan.channels;
  for_each_window(plan, [&](std::int64_t image, std::int64_t output, const Window& rows,
                            const Window& columns) {
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
  for_each_window(plan, [&](std::int64_t image, std::int64_t output, const Window& rows,
                            const Window& columns) {
    const T area = static_cast<T>(rows.extent * columns.extent);
    for_each_pixel(plan, image, rows, columns, [&](std::int64_t pixel) {
      for (std::int64_t c = 0; c < channels; ++c)
        gx[pixel * channels + c] += gy[output * channels + c] / area;
    });
  });
}

void max_pool_bits_cpu(const PoolPlan& plan, const std::uint64_t* x, std::uint64_t* y) {
  const std::int64_t words = words_per_row(plan.channels);
  for_each_window(plan, [&](std::int64_t image, std::int64_t output, const Window& rows,
                            const Window& columns) {
    std::fill_n(y + output * words, words, 0);
    for_each_pixel(plan, image, rows, columns, [&](std::int64_t pixel) {
      for (std::int64_t w = 0; w < words; ++w) y[output * words + w] |= x[pixel * words + w];
    });
  });
}

void max_pool_bits_backward_cpu(const PoolPlan& plan, const std::uint64_t* x, const float* gy,
                                float* gx) {
  const std::int64_t channels = plan.channels, words = words_per_row(channels);
  for_each_window(plan, [&](std::int64_t image, std::int64_t output, const Window& rows,
                            const Window& columns) {
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

#define RANVIER_INSTANTIATE(T)                                                  \
  template void max_pool_cpu(const PoolPlan&, const T*, T*);                    \
  template void max_pool_backward_cpu(const PoolPlan&, const T*, const T*, T*); \
  template void avg_pool_cpu(const PoolPlan&, const T*, T*);                    \
  template void avg_pool_backward_cpu(const PoolPlan&, const T*, T*);
RANVIER_INSTANTIATE(float)
RANVIER_INSTANTIATE(double)
#undef RANVIER_INSTANTIATE

}  // namespace ranvier::detail
