// The serial kernels of event-driven convolutions, compiled per instruction set.
#pragma once

#include <cstdint>

#include "ranvier/ops/conv/detail/conv_shape.h"

namespace ranvier::detail {

/// The forward convolution of one image in some of its output channels.
struct EventConvForward {
  const ConvShape* shape = nullptr;
  const std::uint64_t* spikes = nullptr;  ///< of the image
  const float* weight = nullptr;
  const float* bias = nullptr;  ///< null for none
  float* y = nullptr;           ///< of the image
  std::int64_t column = 0, columns = 0;
  std::int64_t band_rows = 0;       ///< output rows whose input spikes are listed at once
  std::int64_t taps_at_once = 0;    ///< taps whose weights are used before the next ones are read
  std::uint32_t* lists = nullptr;   ///< scratch: 64 more than input channels of a band
  std::int64_t* ends = nullptr;     ///< scratch: one more than input pixels of a band
  std::uint32_t* merged = nullptr;  ///< scratch: 16 more than input channels of the taps
};

/// One axis of the grid that holds output gradients between zeros, so that every tap of every
/// input pixel finds its gradient, or zero, at a fixed distance. With stride s, input pixels fall
/// into s phases by (i + padding) mod s; pixel number j of a phase (from 0) meets tap k of that
/// phase at the output j + shift(k).
struct GradientAxis {
  std::int64_t extent = 0;  ///< cells
  std::int64_t origin = 0;  ///< cell of output 0
};

struct GradientGrid {
  GradientAxis rows, columns;
  std::int64_t cells() const { return rows.extent * columns.extent; }
};

/// Adds the weight gradient of some images to `gw`, in some of the output channels.
struct EventConvWeightGradient {
  const ConvShape* shape = nullptr;
  GradientGrid grid;
  const std::uint64_t* spikes = nullptr;  ///< of the first image
  const float* gy = nullptr;              ///< of the first image
  std::int64_t images = 0;
  float* gw = nullptr;
  std::int64_t column = 0, columns = 0;
  float* table = nullptr;          ///< scratch: [images * cells, columns]
  std::uint64_t* masks = nullptr;  ///< scratch: [channels, words of images * cells]
  std::uint32_t* list = nullptr;   ///< scratch: 64 more than images * cells
};

struct EventConvKernels {
  void (*forward)(const EventConvForward& task);
  void (*weight_gradient)(const EventConvWeightGradient& task);
};

namespace isa_v2 {
extern const EventConvKernels event_conv_kernels;
}
namespace isa_v3 {
extern const EventConvKernels event_conv_kernels;
}
namespace isa_v4 {
extern const EventConvKernels event_conv_kernels;
}

}  // namespace ranvier::detail
