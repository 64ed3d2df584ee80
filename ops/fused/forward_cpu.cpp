// Forward: each tile is normalised, stepped and pooled in the cache for all its steps. A static x
// is normalised once. What is written is the pooled spikes.
#include "ranvier/core/parallel.h"
#include "ranvier/ops/fused/detail/pool_rows.h"
#include "ranvier/ops/fused/detail/tiles.h"

namespace ranvier::fused {
namespace {

using neurons::isa_kernels;
using neurons::load_state;
using neurons::prefetch;
using neurons::RowWriter;
using neurons::Scratch;

constexpr std::int64_t forward_tile = largest_tile;  // state, spikes and pooled spikes fit L1

/// One thread's forward pass over its tiles.
template <class R>
class ForwardPass {
 public:
  ForwardPass(const Input<R>& in, const Output<R>& out, const Tiles& tiles,
              const Coefficients<R>& scale, const Coefficients<R>& shift, R* memory)
      : in_(in),
        out_(out),
        tiles_(tiles),
        scale_(scale),
        shift_(shift),
        stride_(stride_of(tiles)),
        writer_(in.geometry.outputs() * in.steps),
        scratch_(memory),
        state_(scratch_.take(stride_ * in.program.states)),
        y_(scratch_.take(stride_)),
        spikes_(scratch_.take(stride_)),
        pooled_(scratch_.take(stride_)) {}

  static std::int64_t memory_elements(const Input<R>& in, const Tiles& tiles) {
    return stride_of(tiles) * (in.program.states + 3);
  }

  void run(std::int64_t index) {
    tile_ = tiles_[index];
    for (std::int64_t r = 0; r < tile_.runs; ++r)
      load_state(in_.program, in_.state, tile_.input + r * tile_.run_stride, tile_.run(),
                 state_ + r * tile_.run(), stride_);
    for (std::int64_t t = 0; t < in_.steps; ++t) {
      for (std::int64_t r = 0; r < tile_.runs; ++r) step(t, r);
      if (tile_.out_pixels > 0) emit(t);
    }
    for (int k = 0; k < in_.program.states; ++k)
      for (std::int64_t r = 0; r < tile_.runs && out_.state[k] != nullptr; ++r)
        std::copy_n(state_ + k * stride_ + r * tile_.run(), tile_.run(),
                    out_.state[k] + tile_.input + r * tile_.run_stride);
  }

 private:
  /// Step t of the tile's r-th run.
  void step(std::int64_t t, std::int64_t r) {
    const std::int64_t step_size = in_.geometry.neurons();
    const R* const x =
        in_.x + (in_.static_input ? 0 : t * step_size) + tile_.input + r * tile_.run_stride;
    const bool reads_on = !in_.static_input && t + 1 < in_.steps;
    for_run_pieces(tile_, [&](std::int64_t offset, std::int64_t rows, std::int64_t columns) {
      const std::int64_t i = r * tile_.run() + offset, count = rows * columns;
      if (reads_on) prefetch(x + step_size + offset, count);
      if (t == 0 || !in_.static_input)
        norm_kernels<R>().affine(x + offset, rows, columns, scale_.at(t, tile_.channel),
                                 shift_.at(t, tile_.channel), y_ + i);
      in_.program.kernels.step(in_.program.params,
                               {state_ + i, state_ + i, y_ + i, spikes_ + i, count, stride_});
    });
  }

  /// Pools and writes the spikes of step t.
  void emit(std::int64_t t) {
    const Geometry& g = in_.geometry;
    const WindowRow windows{tile_.out_pixels, g.kernel, tile_.columns, tile_.run()};
    const R* spikes = spikes_;
    if (g.pool != SpikePool::none) {
      const auto& rows = pool_rows<R>();
      (g.pool == SpikePool::max ? rows.max : rows.average)(windows, spikes_, pooled_);
      spikes = pooled_;
    }
    const std::int64_t first_row = t * g.out_rows() + tile_.out_row;
    if (out_.spikes != nullptr)
      writer_.write(spikes, out_.spikes + first_row * g.channels + tile_.channel,
                    tile_.out_pixels * tile_.columns);
    if (out_.words == nullptr) return;
    const std::int64_t row_words = words_per_row(g.channels);
    std::uint64_t* const words = out_.words + first_row * row_words + tile_.channel / 64;
    const bool gapless = g.channels % 64 == 0 && tile_.columns == g.channels;
    const std::int64_t rows = gapless ? 1 : tile_.out_pixels;
    for (std::int64_t row = 0; row < rows; ++row)
      isa_kernels<R>().pack(spikes + row * tile_.columns, words + row * row_words,
                            gapless ? tile_.out_pixels * tile_.columns : tile_.columns);
  }

  const Input<R>& in_;
  const Output<R>& out_;
  const Tiles& tiles_;
  const Coefficients<R>&scale_, &shift_;
  const std::int64_t stride_;
  const RowWriter<R> writer_;
  Scratch<R> scratch_;
  R *const state_, *const y_, *const spikes_, *const pooled_;
  Tile tile_{};
};

template <class R>
void forward_cpu(Device /*device*/, const Input<R>& in, const Output<R>& out) {
  if (in.geometry.neurons() == 0) return;
  const Tiles tiles(in.geometry, forward_tile);
  const Coefficients<R> scale(in.scale, in.groups, in.geometry.channels);
  const Coefficients<R> shift(in.shift, in.groups, in.geometry.channels);
  in_bands(in.pieces, tiles, in.geometry.neurons(), [&](std::int64_t first, std::int64_t last) {
    RangeScratch scratch = neurons::scratch_for<R>(ForwardPass<R>::memory_elements(in, tiles));
    parallel_for(first, last, 1, [&](std::int64_t begin, std::int64_t end) {
      const neurons::FlushSubnormals flush;
      ForwardPass<R> pass(in, out, tiles, scale, shift, scratch.take<R>());
      for (std::int64_t tile = begin; tile < end; ++tile) pass.run(tile);
      neurons::fence_streams();
    });
  });
}

}  // namespace

template <class R>
constinit DeviceKernels<ForwardKernel<R>> Kernels<R>::forward{.cpu = forward_cpu<R>};
template DeviceKernels<ForwardKernel<float>> Kernels<float>::forward;
template DeviceKernels<ForwardKernel<double>> Kernels<double>::forward;
template <>
constinit DeviceKernels<ForwardKernel<bfloat16>> Kernels<bfloat16>::forward{};
template <>
constinit DeviceKernels<ForwardKernel<float16>> Kernels<float16>::forward{};

}  // namespace ranvier::fused
