// Backward, in two passes over x. The first recomputes each tile's membranes in the cache, takes
// the gradient back through pool and neuron to the normalised x, writes that and its sums per
// channel; the second, once the sums are complete, turns it in place into the gradient of x.
#include "ranvier/core/parallel.h"
#include "ranvier/ops/fused/detail/pool_rows.h"
#include "ranvier/ops/fused/detail/tiles.h"

namespace ranvier::fused {
namespace {

using neurons::load_state;
using neurons::prefetch;
using neurons::RowWriter;
using neurons::Scratch;

constexpr std::int64_t backward_tile = 1024;  // at the most

/// How long and wide a tile is whose steps fit the cache.
struct Cut {
  std::int64_t tile, chunk, chunks;

  template <class R>
  static Cut of(const Input<R>& in) {
    // Each step keeps the state before it and the routes of the pool; x should stay at hand.
    const auto step_bytes = static_cast<std::int64_t>(sizeof(R)) * (in.program.states + 2);
    Cut cut{};
    cut.tile = std::clamp(neurons::backward_bytes / step_bytes / in.steps, neurons::smallest_block,
                          backward_tile);
    const std::int64_t neurons = Tiles(in.geometry, cut.tile).largest();
    cut.chunk =
        std::clamp<std::int64_t>(neurons::backward_bytes / step_bytes / neurons, 1, in.steps);
    cut.chunks = (in.steps + cut.chunk - 1) / cut.chunk;
    return cut;
  }
};

/// What the first pass reads beside its tiles, shared by all threads.
template <class R>
struct Plan {
  Plan(const Input<R>& in, const GradInput<R>& grad_in, const GradOutput<R>& grad_out)
      : in(in),
        grad_in(grad_in),
        grad_out(grad_out),
        cut(Cut::of(in)),
        tiles(in.geometry, cut.tile),
        scale(in.scale, in.groups, in.geometry.channels),
        shift(in.shift, in.groups, in.geometry.channels),
        centre(grad_out.centre, in.groups, in.geometry.channels),
        width(fold_of(in.geometry.channels) * in.geometry.channels) {}

  const Input<R>& in;
  const GradInput<R>& grad_in;
  const GradOutput<R>& grad_out;
  Cut cut;
  Tiles tiles;
  Coefficients<R> scale, shift, centre;
  std::int64_t width;  // of a row of sums
};

/// What a part of the tiles adds to the sums: [groups, 2, width] and [learnables].
struct Share {
  double* sums;
  double* learnables;
};

/// One thread's first pass over its tiles.
template <class R>
class BackwardPass {
 public:
  BackwardPass(const Plan<R>& plan, R* memory)
      : plan_(plan),
        in_(plan.in),
        stride_(stride_of(plan.tiles)),
        state_size_(in_.program.states * stride_),
        routes_(in_.geometry.pool == SpikePool::max),
        writer_(in_.geometry.neurons() * (in_.static_input ? 1 : in_.steps)),
        scratch_(memory),
        boundaries_(scratch_.take(state_size_ * plan.cut.chunks)),
        states_(scratch_.take(state_size_ * (plan.cut.chunk + 1))),
        grad_state_(scratch_.take(state_size_)),
        route_(scratch_.take(stride_ * plan.cut.chunk)),
        grad_learnables_(scratch_.take(stride_ * in_.program.learnables)),
        y_(scratch_.take(stride_)),
        spikes_(scratch_.take(stride_)),
        grad_spikes_(scratch_.take(stride_)),
        grad_y_(scratch_.take(stride_)),
        grad_y_sum_(scratch_.take(stride_)) {}

  static std::int64_t memory_elements(const Plan<R>& plan) {
    const Program<R>& program = plan.in.program;
    const std::int64_t rows = program.states * (plan.cut.chunks + plan.cut.chunk + 2) +
                              plan.cut.chunk + program.learnables + 5;
    return rows * stride_of(plan.tiles);
  }

  void run(std::int64_t index, const Share& share) {
    tile_ = plan_.tiles[index];
    start();
    const std::int64_t chunk_steps = plan_.cut.chunk;
    for (std::int64_t chunk = 1; chunk < plan_.cut.chunks; ++chunk) {
      R* const boundary = boundaries_ + chunk * state_size_;
      std::copy_n(boundary - state_size_, state_size_, boundary);
      for (std::int64_t t = (chunk - 1) * chunk_steps; t < chunk * chunk_steps; ++t)
        step(t, boundary, boundary, nullptr);
    }
    for (std::int64_t chunk = plan_.cut.chunks - 1; chunk >= 0; --chunk) {
      const std::int64_t begin = chunk * chunk_steps;
      const std::int64_t end = std::min(in_.steps, begin + chunk_steps);
      std::copy_n(boundaries_ + chunk * state_size_, state_size_, states_);
      for (std::int64_t t = begin; t < end; ++t) recompute(t, t - begin, t + 1 == end);
      for (std::int64_t t = end - 1; t >= begin; --t) adjoint(t, t - begin, share);
    }
    finish(share);
  }

 private:
  std::int64_t step_size() const { return in_.geometry.neurons(); }
  std::int64_t input_of(std::int64_t r) const { return tile_.input + r * tile_.run_stride; }
  const R* x_at(std::int64_t t, std::int64_t r) const {
    return in_.x + (in_.static_input ? 0 : t * step_size()) + input_of(r);
  }
  void normalise(std::int64_t t, const R* x, std::int64_t rows, std::int64_t columns, R* y) const {
    norm_kernels<R>().affine(x, rows, columns, plan_.scale.at(t, tile_.channel),
                             plan_.shift.at(t, tile_.channel), y);
  }

  void start() {
    std::fill_n(grad_learnables_, stride_ * in_.program.learnables, R(0));
    std::fill_n(grad_y_sum_, tile_.neurons(), R(0));
    for (std::int64_t r = 0; r < tile_.runs; ++r) {
      const std::int64_t i = r * tile_.run();
      load_state(in_.program, in_.state, input_of(r), tile_.run(), boundaries_ + i, stride_);
      for (int k = 0; k < in_.program.states; ++k) {
        R* const variable = grad_state_ + k * stride_ + i;
        if (plan_.grad_in.state[k] != nullptr)
          std::copy_n(plan_.grad_in.state[k] + input_of(r), tile_.run(), variable);
        else
          std::fill_n(variable, tile_.run(), R(0));
      }
      if (in_.static_input)
        for_run_pieces(tile_, [&](std::int64_t offset, std::int64_t rows, std::int64_t columns) {
          normalise(0, x_at(0, r) + offset, rows, columns, y_ + i + offset);
        });
    }
  }

  /// Step t from `before` to `after`.
  void step(std::int64_t t, const R* before, R* after, R* spikes) {
    for (std::int64_t r = 0; r < tile_.runs; ++r) {
      const R* const x = x_at(t, r);
      for_run_pieces(tile_, [&](std::int64_t offset, std::int64_t rows, std::int64_t columns) {
        const std::int64_t i = r * tile_.run() + offset, count = rows * columns;
        if (!in_.static_input) {
          if (t + 1 < in_.steps) prefetch(x + step_size() + offset, count);
          normalise(t, x + offset, rows, columns, y_ + i);
        }
        in_.program.kernels.step(in_.program.params,
                                 {before + i, after + i, y_ + i,
                                  spikes == nullptr ? nullptr : spikes + i, count, stride_});
      });
    }
  }

  WindowRow windows() const {
    return {tile_.out_pixels, in_.geometry.kernel, tile_.columns, tile_.run()};
  }

  /// The state before the next step, and which spike of each window the pool took.
  void recompute(std::int64_t t, std::int64_t kept, bool last) {
    R* const state = states_ + kept * state_size_;
    if (!last || routes_) step(t, state, state + state_size_, routes_ ? spikes_ : nullptr);
    if (routes_ && tile_.out_pixels > 0)
      pool_rows<R>().route(windows(), spikes_, route_ + kept * stride_);
  }

  /// Gradient of the tile's spikes at step t.
  const R* grad_spikes(std::int64_t t, std::int64_t kept) {
    const Geometry& g = in_.geometry;
    const std::int64_t row = (t * g.out_rows() + tile_.out_row) * g.channels + tile_.channel;
    const bool given = plan_.grad_in.spikes != nullptr && tile_.out_pixels > 0;
    const R* const grad = plan_.grad_in.spikes + (given ? row : 0);
    if (given && t > 0) prefetch(grad - g.outputs(), tile_.out_pixels * tile_.columns);
    if (given && g.pool == SpikePool::none) return grad;
    const bool covered = tile_.out_pixels * g.kernel == tile_.pixels;
    if (!given || !covered) std::fill_n(grad_spikes_, tile_.neurons(), R(0));
    if (given && routes_)
      pool_rows<R>().scatter_max(windows(), grad, route_ + kept * stride_, grad_spikes_);
    else if (given)
      pool_rows<R>().scatter_average(windows(), grad, grad_spikes_);
    return grad_spikes_;
  }

  void adjoint(std::int64_t t, std::int64_t kept, const Share& share) {
    const R* const grads = grad_spikes(t, kept);
    R* const learnables = in_.program.learnables > 0 ? grad_learnables_ : nullptr;
    for (std::int64_t r = 0; r < tile_.runs; ++r)
      for_run_pieces(tile_, [&](std::int64_t offset, std::int64_t rows, std::int64_t columns) {
        const std::int64_t i = r * tile_.run() + offset, count = rows * columns;
        const R* const x = x_at(t, r) + offset;
        if (!in_.static_input) normalise(t, x, rows, columns, y_ + i);
        in_.program.kernels.adjoint(
            in_.program.params, in_.program.slope,
            {states_ + kept * state_size_ + i, y_ + i, grads + i, grad_state_ + i, grad_y_ + i,
             learnables == nullptr ? nullptr : learnables + i, count, stride_});
        if (!in_.static_input)
          store(t, x, grad_y_ + i, t * step_size() + input_of(r) + offset, rows, columns, share);
        else
          for (std::int64_t j = i; j < i + count; ++j) grad_y_sum_[j] += grad_y_[j];
      });
  }

  /// Writes a piece of the gradient of y at `output` and adds it to the sums.
  void store(std::int64_t t, const R* x, const R* grad, std::int64_t output, std::int64_t rows,
             std::int64_t columns, const Share& share) const {
    if (plan_.grad_out.y != nullptr) writer_.write(grad, plan_.grad_out.y + output, rows * columns);
    double* const sums = share.sums + (in_.groups == 1 ? 0 : t * 2 * plan_.width) + tile_.channel;
    norm_kernels<R>().gradient_sums(grad, x, rows, columns, plan_.centre.at(t, tile_.channel), sums,
                                    sums + plan_.width);
  }

  void finish(const Share& share) {
    for (std::int64_t r = 0; r < tile_.runs; ++r) {
      if (in_.static_input)
        for_run_pieces(tile_, [&](std::int64_t offset, std::int64_t rows, std::int64_t columns) {
          store(0, x_at(0, r) + offset, grad_y_sum_ + r * tile_.run() + offset,
                input_of(r) + offset, rows, columns, share);
        });
      for (int k = 0; k < in_.program.states; ++k)
        if (plan_.grad_out.state[k] != nullptr)
          std::copy_n(grad_state_ + k * stride_ + r * tile_.run(), tile_.run(),
                      plan_.grad_out.state[k] + input_of(r));
    }
    for (int l = 0; l < in_.program.learnables; ++l)
      for (std::int64_t i = 0; i < tile_.neurons(); ++i)
        share.learnables[l] += static_cast<double>(grad_learnables_[l * stride_ + i]);
  }

  const Plan<R>& plan_;
  const Input<R>& in_;
  const std::int64_t stride_, state_size_;
  const bool routes_;
  const RowWriter<R> writer_;
  Scratch<R> scratch_;
  R *const boundaries_, *const states_, *const grad_state_, *const route_;
  R *const grad_learnables_, *const y_, *const spikes_, *const grad_spikes_, *const grad_y_;
  R* const grad_y_sum_;
  Tile tile_{};
};

/// Adds rows of sums, pixels side by side, up to sums of channels.
void add_folded(const double* row, std::int64_t width, std::int64_t channels, double* sums) {
  for (std::int64_t i = 0; i < width; ++i) sums[i % channels] += row[i];
}

template <class R>
Tensor backward_cpu(Device /*device*/, const Input<R>& in, const GradInput<R>& grad_in,
                    const GradOutput<R>& grad_out) {
  const std::int64_t channels = in.geometry.channels, learnables = in.program.learnables;
  grad_out.sums->grad = zeros({in.groups, channels}, {.dtype = DType::f64});
  grad_out.sums->grad_x = zeros({in.groups, channels}, {.dtype = DType::f64});
  double* const sum = grad_out.sums->grad.template mutable_data<double>();
  double* const sum_x = grad_out.sums->grad_x.template mutable_data<double>();
  if (grad_out.learnables != nullptr) std::fill_n(grad_out.learnables, learnables, 0.0);
  if (in.geometry.neurons() == 0) return {};

  const Plan<R> plan(in, grad_in, grad_out);
  const std::int64_t sums = in.groups * 2 * plan.width, tiles = plan.tiles.count();
  Tensor shares = zeros({sum_parts, sums + learnables}, {.dtype = DType::f64});
  double* const first_share = shares.mutable_data<double>();
  const auto part_of = [&](std::int64_t tile) { return ((tile + 1) * sum_parts - 1) / tiles; };
  const auto run = [&](std::int64_t first, std::int64_t last) {
    RangeScratch scratch = neurons::scratch_for<R>(BackwardPass<R>::memory_elements(plan));
    parallel_for(
        part_of(first), part_of(last - 1) + 1, 1, [&](std::int64_t begin, std::int64_t end) {
          const neurons::FlushSubnormals flush;
          BackwardPass<R> pass(plan, scratch.take<R>());
          for (std::int64_t part = begin; part < end; ++part) {
            double* const share = first_share + part * (sums + learnables);
            const std::int64_t part_end = std::min(last, tiles * (part + 1) / sum_parts);
            for (std::int64_t i = std::max(first, tiles * part / sum_parts); i < part_end; ++i)
              pass.run(i, {share, share + sums});
          }
          neurons::fence_streams();
        });
  };
  in_bands(in.pieces, plan.tiles, in.geometry.neurons(), run);
  for (std::int64_t part = 0; part < sum_parts; ++part) {
    const double* const share = first_share + part * (sums + learnables);
    for (std::int64_t group = 0; group < in.groups; ++group) {
      const double* const row = share + group * 2 * plan.width;
      add_folded(row, plan.width, channels, sum + group * channels);
      add_folded(row + plan.width, plan.width, channels, sum_x + group * channels);
    }
    for (std::int64_t l = 0; l < learnables && grad_out.learnables != nullptr; ++l)
      grad_out.learnables[l] += share[sums + l];
  }
  return {};
}

template <class R>
void input_gradient_cpu(Device /*device*/, const Input<R>& in, const GradInput<R>& /*grad_in*/,
                        const NormGradient<R>& of, const Tensor& /*of_y*/, R* gradient) {
  const Geometry& g = in.geometry;
  if (g.neurons() == 0) return;
  // One step's pixels as one row of tiles, whatever the pool.
  const Geometry flat{1, 1, g.images * g.height * g.width, g.channels, 1, SpikePool::none};
  const Tiles tiles(flat, backward_tile);
  const Coefficients<R> scale(of.scale, in.groups, g.channels),
      slope(of.slope, in.groups, g.channels);
  const Coefficients<R> centre(of.centre, in.groups, g.channels),
      offset(of.offset, in.groups, g.channels);
  const std::int64_t steps = in.static_input ? 1 : in.steps;
  RangeScratch scratch = neurons::scratch_for<R>(tiles.largest());
  parallel_for(0, steps * tiles.count(), 1, [&](std::int64_t begin, std::int64_t end) {
    R* const copy = scratch.take<R>();
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t t = i / tiles.count();
      const Tile tile = tiles[i % tiles.count()];
      for_run_pieces(tile, [&](std::int64_t at, std::int64_t rows, std::int64_t columns) {
        const std::int64_t here = t * g.neurons() + tile.input + at, c = tile.channel;
        std::copy_n(gradient + here, rows * columns, copy);
        if (of.slope != nullptr)
          norm_kernels<R>().gradient(copy, in.x + here, rows, columns, scale.at(t, c),
                                     slope.at(t, c), centre.at(t, c), offset.at(t, c),
                                     gradient + here);
        else
          norm_kernels<R>().affine(copy, rows, columns, scale.at(t, c), offset.at(t, c),
                                   gradient + here);
      });
    }
  });
}

}  // namespace

template <class R>
constinit DeviceKernels<BackwardKernel<R>> Kernels<R>::backward{.cpu = backward_cpu<R>};
template DeviceKernels<BackwardKernel<float>> Kernels<float>::backward;
template DeviceKernels<BackwardKernel<double>> Kernels<double>::backward;
template <>
constinit DeviceKernels<BackwardKernel<bfloat16>> Kernels<bfloat16>::backward{};
template <>
constinit DeviceKernels<BackwardKernel<float16>> Kernels<float16>::backward{};

template <class R>
constinit DeviceKernels<InputGradientKernel<R>> Kernels<R>::input_gradient{
    .cpu = input_gradient_cpu<R>};
template DeviceKernels<InputGradientKernel<float>> Kernels<float>::input_gradient;
template DeviceKernels<InputGradientKernel<double>> Kernels<double>::input_gradient;
template <>
constinit DeviceKernels<InputGradientKernel<bfloat16>> Kernels<bfloat16>::input_gradient{};
template <>
constinit DeviceKernels<InputGradientKernel<float16>> Kernels<float16>::input_gradient{};

}  // namespace ranvier::fused
