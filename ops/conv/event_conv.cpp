#include "ranvier/ops/conv/detail/event_conv.h"

#include <algorithm>

#include "ranvier/core/dispatch.h"
#include "ranvier/core/scratch.h"
#include "ranvier/ops/conv/detail/event_conv_isa.h"
#include "ranvier/ops/matmul/detail/gemm.h"

namespace ranvier::detail {
namespace {

// Output channels that one serial task computes: with 128, sums stay in registers and the rows of
// the table that are added up in L2.
constexpr std::int64_t most_columns = 128;
constexpr std::int64_t cache_floats = 1 << 17;  // of the table: 512 KB, half of a usual L2

const EventConvKernels& kernels() {
  return pick_isa(isa_v2::event_conv_kernels, isa_v3::event_conv_kernels,
                  isa_v4::event_conv_kernels);
}

template <class T>
std::size_t bytes_of(std::int64_t number) {
  return static_cast<std::size_t>(number) * sizeof(T);
}

struct Band {
  std::int64_t out_rows = 0;  // output rows
  std::int64_t in_rows = 0;   // input rows under them, at most

  // Lists of a band stay in L2 beside the weights, where a single row allows that.
  explicit Band(const ConvShape& s) {
    constexpr std::int64_t list_entries = 1 << 15;
    const std::int64_t halo = (s.kernel[0] - 1) * s.dilation[0];
    const std::int64_t rows = list_entries / (s.width * s.in);
    out_rows = std::clamp<std::int64_t>((rows - halo) / s.stride[0], 1, s.out_height);
    in_rows = std::min(s.height, (out_rows - 1) * s.stride[0] + halo + 1);
  }
};

GradientAxis gradient_axis(const ConvShape& s, std::size_t axis, std::int64_t in_extent,
                           std::int64_t out_extent) {
  const std::int64_t stride = s.stride[axis], padding = s.padding[axis];
  std::int64_t origin = 0, farthest = out_extent - 1;
  for (std::int64_t tap = 0; tap < s.kernel[axis]; ++tap) {
    // The first pixel that meets this tap at some (maybe absent) output, and how many do.
    const std::int64_t reach = tap * s.dilation[axis];
    const std::int64_t first = ((reach - padding) % stride + stride) % stride;
    if (first >= in_extent) continue;
    const std::int64_t shift = (first + padding - reach) / stride;
    origin = std::max(origin, -shift);
    farthest = std::max(farthest, (in_extent - 1 - first) / stride + shift);
  }
  return {.extent = origin + farthest + 1, .origin = origin};
}

}  // namespace

void event_conv_forward(const ConvShape& shape, const std::uint64_t* spikes, const float* weight,
                        const float* bias, const std::uint8_t* chosen, float* y) {
  const Band band(shape);
  const std::int64_t taps_at_once = std::clamp<std::int64_t>(
      cache_floats / (shape.in * std::min(most_columns, shape.out)), 1, shape.taps());
  const std::int64_t column_tasks = (shape.out + most_columns - 1) / most_columns;
  const std::int64_t image_words = shape.in_pixels() * words_per_row(shape.in);
  const std::int64_t pixels = band.in_rows * shape.width;
  RangeScratch all_lists(bytes_of<std::uint32_t>(pixels * shape.in + 64));
  RangeScratch all_ends(bytes_of<std::int64_t>(pixels + 1));
  RangeScratch all_merged(bytes_of<std::uint32_t>(taps_at_once * shape.in + 16));
  parallel_for(0, shape.images, 1, [&](std::int64_t begin, std::int64_t end) {
    auto* const lists = all_lists.take<std::uint32_t>();
    auto* const ends = all_ends.take<std::int64_t>();
    auto* const merged = all_merged.take<std::uint32_t>();
    for (std::int64_t image = begin; image < end; ++image) {
      if (chosen != nullptr && chosen[image] == 0) continue;
      for (std::int64_t task = 0; task < column_tasks; ++task) {
        const std::int64_t column = task * most_columns;
        kernels().forward({.shape = &shape,
                           .spikes = spikes + image * image_words,
                           .weight = weight,
                           .bias = bias,
                           .y = y + image * shape.out_pixels() * shape.out,
                           .column = column,
                           .columns = std::min(most_columns, shape.out - column),
                           .band_rows = band.out_rows,
                           .taps_at_once = taps_at_once,
                           .lists = lists,
                           .ends = ends,
                           .merged = merged});
      }
    }
  });
}

void event_conv_weight_gradient(const ConvShape& shape, const std::uint64_t* spikes,
                                const float* gy, float* gw) {
  const GradientGrid grid{.rows = gradient_axis(shape, 0, shape.height, shape.out_height),
                          .columns = gradient_axis(shape, 1, shape.width, shape.out_width)};
  const std::int64_t widest = std::min(most_columns, shape.out);
  const std::int64_t part_images = images_per_gradient_part(shape);
  const std::int64_t parts = (shape.images + part_images - 1) / part_images;
  const std::int64_t group =
      std::clamp<std::int64_t>(cache_floats / (grid.cells() * widest), 1, part_images);
  const std::int64_t column_tasks = (shape.out + most_columns - 1) / most_columns;
  const std::int64_t image_words = shape.in_pixels() * words_per_row(shape.in);
  const std::int64_t gw_size = shape.weight_elements();
  const std::int64_t cells = group * grid.cells();
  const Storage storage(bytes_of<float>(parts * gw_size), cpu_device);
  auto* const sums = reinterpret_cast<float*>(storage.data());
  RangeScratch tables(bytes_of<float>(cells * widest));
  RangeScratch all_masks(bytes_of<std::uint64_t>(shape.in * words_per_row(cells)));
  RangeScratch lists(bytes_of<std::uint32_t>(cells + 64));
  parallel_for(0, parts * column_tasks, 1, [&](std::int64_t begin, std::int64_t end) {
    auto* const table = tables.take<float>();
    auto* const masks = all_masks.take<std::uint64_t>();
    auto* const list = lists.take<std::uint32_t>();
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t part = task / column_tasks, column = task % column_tasks * most_columns;
      const std::int64_t columns = std::min(most_columns, shape.out - column);
      float* const part_gw = sums + part * gw_size;
      for (std::int64_t row = 0; row < gw_size / shape.out; ++row)
        std::fill_n(part_gw + row * shape.out + column, columns, 0.0f);
      const std::int64_t last = std::min(shape.images, (part + 1) * part_images);
      for (std::int64_t image = part * part_images; image < last; image += group)
        kernels().weight_gradient({.shape = &shape,
                                   .grid = grid,
                                   .spikes = spikes + image * image_words,
                                   .gy = gy + image * shape.out_pixels() * shape.out,
                                   .images = std::min(group, last - image),
                                   .gw = part_gw,
                                   .column = column,
                                   .columns = columns,
                                   .table = table,
                                   .masks = masks,
                                   .list = list});
    }
  });
  add_parts(sums, parts, gw_size, gw);
}

}  // namespace ranvier::detail
