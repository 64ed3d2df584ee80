// Forward: an output pixel's sums stay in registers while the spikes under its taps add rows of
// the weight. As many taps at a time as their weights fit in L2; sums then go on from y.
//
// Weight gradient: for each input channel one list of the pixels where it spiked, for each tap one
// walk over the list, adding up rows of the output gradient; a tap is an offset into the table.
#include "ranvier/ops/conv/detail/event_conv_isa.h"
#include "ranvier/core/dtype.h"
#include "ranvier/ops/matmul/detail/event_walk.h"
#include "ranvier/ops/spikes/detail/spike_kernels_isa.h"

namespace ranvier::detail::RV_ISA_NAMESPACE {
namespace {

std::int64_t least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
std::int64_t most(std::int64_t a, std::int64_t b) { return a > b ? a : b; }

// One list of the weight rows that the spikes under the taps [first, last) of an output pixel add,
// from the lists of the band's input pixels. Returns its length.
std::int64_t list_taps(const EventConvForward& t, std::int64_t oy, std::int64_t ox,
                       std::int64_t band_row, std::int64_t first, std::int64_t last) {
  const ConvShape& s = *t.shape;
  std::uint32_t* end = t.merged;
  for (std::int64_t tap = first; tap < last; ++tap) {
    const std::int64_t iy = oy * s.stride[0] - s.padding[0] + tap / s.kernel[1] * s.dilation[0];
    const std::int64_t ix = ox * s.stride[1] - s.padding[1] + tap % s.kernel[1] * s.dilation[1];
    if (iy < 0 || iy >= s.height || ix < 0 || ix >= s.width) continue;
    const std::int64_t pixel = (iy - band_row) * s.width + ix;
    end = append_list(t.lists + t.ends[pixel], t.ends[pixel + 1] - t.ends[pixel],
                      static_cast<std::uint32_t>(tap * s.in), end);
  }
  return end - t.merged;
}

// Lists the spiking channels of each pixel of the input rows [first, last).
void list_pixels(const EventConvForward& t, std::int64_t first, std::int64_t last) {
  const std::int64_t words = words_per_row(t.shape->in), width = t.shape->width;
  t.ends[0] = 0;
  for (std::int64_t pixel = first * width, i = 0; pixel < last * width; ++pixel, ++i)
    t.ends[i + 1] =
        t.ends[i] + list_spikes(t.spikes + pixel * words, words, 0, t.lists + t.ends[i]);
}

void forward(const EventConvForward& t) {
  const ConvShape& s = *t.shape;
  const std::int64_t taps = s.kernel[0] * s.kernel[1];
  for (std::int64_t band = 0; band < s.out_height; band += t.band_rows) {
    const std::int64_t band_end = least(band + t.band_rows, s.out_height);
    const std::int64_t first_row = most(0, band * s.stride[0] - s.padding[0]);
    const std::int64_t last_row = least(s.height, (band_end - 1) * s.stride[0] - s.padding[0] +
                                                      (s.kernel[0] - 1) * s.dilation[0] + 1);
    list_pixels(t, first_row, last_row);
    for (std::int64_t tap = 0; tap < taps; tap += t.taps_at_once) {
      const std::int64_t last_tap = least(tap + t.taps_at_once, taps);
      for (std::int64_t oy = band; oy < band_end; ++oy)
        for (std::int64_t ox = 0; ox < s.out_width; ++ox) {
          const std::int64_t number = list_taps(t, oy, ox, first_row, tap, last_tap);
          walk({t.merged, number, t.weight + t.column, s.out}, t.columns,
               {.out = t.y + (oy * s.out_width + ox) * s.out + t.column,
                .bias = last_tap == taps && t.bias != nullptr ? t.bias + t.column : nullptr,
                .resume = tap > 0,
                .add_to_out = false});
        }
    }
  }
}

void fill_table(const EventConvWeightGradient& t) {
  const ConvShape& s = *t.shape;
  const GradientGrid& g = t.grid;
  for (std::int64_t i = 0; i < t.images * g.cells() * t.columns; ++i) t.table[i] = 0;
  for (std::int64_t image = 0; image < t.images; ++image)
    for (std::int64_t oy = 0; oy < s.out_height; ++oy)
      for (std::int64_t ox = 0; ox < s.out_width; ++ox) {
        const float* const from =
            t.gy + ((image * s.out_height + oy) * s.out_width + ox) * s.out + t.column;
        float* const to =
            t.table + ((image * g.rows.extent + oy + g.rows.origin) * g.columns.extent + ox +
                       g.columns.origin) *
                          t.columns;
        for (std::int64_t i = 0; i < t.columns; ++i) to[i] = from[i];
      }
}

// The first pixel of a phase and the distance of its pixels, along one axis.
struct Phase {
  std::int64_t first, stride, extent;
  std::int64_t pixel(std::int64_t j) const { return first + j * stride; }
  bool holds(std::int64_t j) const { return pixel(j) < extent; }
};

Phase phase_of(std::int64_t remainder, std::int64_t stride, std::int64_t padding,
               std::int64_t extent) {
  const std::int64_t offset = (remainder - padding) % stride;
  const std::int64_t back = offset < 0 ? offset + stride : offset;
  return {back, stride, extent};
}

// masks[channel] bit cell: did the channel spike at the pixel of the phase that lies in the cell?
void fill_masks(const EventConvWeightGradient& t, const Phase& rows, const Phase& columns) {
  const ConvShape& s = *t.shape;
  const GradientGrid& g = t.grid;
  const std::int64_t words = words_per_row(s.in), cells = t.images * g.cells();
  const std::int64_t mask_words = words_per_row(cells);
  for (std::int64_t block = 0; block < mask_words; ++block)
    for (std::int64_t word = 0; word < words; ++word) {
      std::uint64_t bits[64];
      for (std::int64_t i = 0; i < 64; ++i) {
        const std::int64_t cell = block * 64 + i, image = cell / g.cells();
        const std::int64_t row = cell % g.cells() / g.columns.extent;
        const std::int64_t column = cell % g.columns.extent;
        const bool inside = cell < cells && rows.holds(row) && columns.holds(column);
        const std::int64_t pixel =
            (image * s.height + rows.pixel(row)) * s.width + columns.pixel(column);
        bits[i] = inside ? t.spikes[pixel * words + word] : 0;
      }
      spike_kernels.transpose_64x64(bits);
      const std::int64_t channels = least(64, s.in - word * 64);
      for (std::int64_t i = 0; i < channels; ++i)
        t.masks[(word * 64 + i) * mask_words + block] = bits[i];
    }
}

// Distance of the output from the pixel's number within its phase, for a tap of that phase.
std::int64_t shift_of(std::int64_t tap, std::int64_t dilation, std::int64_t stride,
                      std::int64_t padding, const Phase& phase) {
  return (phase.first + padding - tap * dilation) / stride;
}

bool has_taps(const ConvShape& s, std::size_t axis, std::int64_t remainder) {
  for (std::int64_t tap = 0; tap < s.kernel[axis]; ++tap)
    if (tap * s.dilation[axis] % s.stride[axis] == remainder) return true;
  return false;
}

void add_phase(const EventConvWeightGradient& t, std::int64_t remainder_y,
               std::int64_t remainder_x) {
  const ConvShape& s = *t.shape;
  if (!has_taps(s, 0, remainder_y) || !has_taps(s, 1, remainder_x)) return;
  const GradientGrid& g = t.grid;
  const Phase rows = phase_of(remainder_y, s.stride[0], s.padding[0], s.height);
  const Phase columns = phase_of(remainder_x, s.stride[1], s.padding[1], s.width);
  fill_masks(t, rows, columns);
  const std::int64_t mask_words = words_per_row(t.images * g.cells());
  for (std::int64_t channel = 0; channel < s.in; ++channel) {
    const std::int64_t number = list_spikes(t.masks + channel * mask_words, mask_words, 0, t.list);
    if (number == 0) continue;
    for (std::int64_t ky = 0; ky < s.kernel[0]; ++ky) {
      if (ky * s.dilation[0] % s.stride[0] != remainder_y) continue;
      for (std::int64_t kx = 0; kx < s.kernel[1]; ++kx) {
        if (kx * s.dilation[1] % s.stride[1] != remainder_x) continue;
        const std::int64_t row =
            g.rows.origin + shift_of(ky, s.dilation[0], s.stride[0], s.padding[0], rows);
        const std::int64_t column =
            g.columns.origin + shift_of(kx, s.dilation[1], s.stride[1], s.padding[1], columns);
        const float* const table = t.table + (row * g.columns.extent + column) * t.columns;
        walk({t.list, number, table, t.columns}, t.columns,
             {.out = t.gw + ((ky * s.kernel[1] + kx) * s.in + channel) * s.out + t.column,
              .bias = nullptr,
              .resume = true,
              .add_to_out = false});
      }
    }
  }
}

void weight_gradient(const EventConvWeightGradient& t) {
  fill_table(t);
  for (std::int64_t y = 0; y < t.shape->stride[0]; ++y)
    for (std::int64_t x = 0; x < t.shape->stride[1]; ++x) add_phase(t, y, x);
}

}  // namespace

extern const EventConvKernels event_conv_kernels{.forward = forward,
                                                 .weight_gradient = weight_gradient};

}  // namespace ranvier::detail::RV_ISA_NAMESPACE
