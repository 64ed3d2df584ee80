// Neurons are cut into blocks that fit the caches and each block is taken through all its time
// steps: the state never leaves the core, x is read once and each result written once. Blocks are
// independent, so threads share them out. How neurons are cut depends on shapes only; sums over
// neurons add blocks up in order, so results do not depend on the number of threads.
//
// Memory bandwidth is the limit, hence: the next step's row is prefetched by hand (it starts on a
// new page, where the hardware's prefetcher starts over); prefetches, arithmetic and stores take
// turns every few lines, so that memory is never idle; and results too large for the caches are
// stored past them, which saves reading every line before it is overwritten.
#include "ranvier/ops/neurons/detail/scan_cpu.h"

#include <algorithm>
#include <vector>

#include "ranvier/core/parallel.h"
#include "ranvier/ops/neurons/detail/replay.h"

namespace ranvier::neurons {
namespace {

constexpr std::int64_t largest_backward_block = 1024;

/// One thread's forward pass over its blocks.
template <class R>
class ForwardPass {
 public:
  ForwardPass(const ScanInput<R>& in, const ScanOutput<R>& out, const Blocks& blocks, R* memory)
      : in_(in),
        out_(out),
        blocks_(blocks),
        stride_(blocks.size()),
        writer_(in.neurons * in.steps),
        scratch_(memory),
        state_(scratch_.take(in.program.states * stride_)),
        spikes_(scratch_.take(stride_)),
        sum_(scratch_.take(stride_)) {}

  static std::int64_t memory_elements(const ScanInput<R>& in, const Blocks& blocks) {
    return (in.program.states + 2) * blocks.size();
  }

  void run(std::int64_t index) {
    block_ = blocks_[index];
    load_state(in_.program, in_.state, block_.first, block_.count, state_, stride_);
    std::fill_n(sum_, block_.count, R(0));
    for (std::int64_t t = 0; t < in_.steps; ++t) {
      for_pieces(block_.count, [&](std::int64_t i, std::int64_t count) { step(t, i, count); });
      if (out_.words != nullptr) pack(t);
    }
    if (out_.rate != nullptr)
      for (std::int64_t i = 0; i < block_.count; ++i)
        out_.rate[block_.first + i] = sum_[i] / R(in_.steps);
    for (int k = 0; k < in_.program.states; ++k)
      if (out_.state[k] != nullptr)
        std::copy_n(state_ + k * stride_, block_.count, out_.state[k] + block_.first);
  }

 private:
  /// Step t of `count` neurons, the i-th of the block and on.
  void step(std::int64_t t, std::int64_t i, std::int64_t count) {
    const std::int64_t first = block_.first + i, row = t * in_.neurons + first;
    prefetch(in_.x_after(t, first, block_.count), count);
    R* const spikes = out_.words != nullptr ? spikes_ + i : spikes_;  // packed when all are there
    in_.program.kernels.step(in_.program.params,
                             {state_ + i, state_ + i, in_.x_at(t) + first, spikes, count, stride_});
    if (out_.spikes != nullptr) writer_.write(spikes, out_.spikes + row, count);
    if (out_.trace != nullptr) writer_.write(state_ + i, out_.trace + row, count);
    if (out_.rate != nullptr)
      for (std::int64_t j = 0; j < count; ++j) sum_[i + j] += spikes[j];
  }

  void pack(std::int64_t t) {
    const std::int64_t words_per_row = (out_.columns + 63) / 64;
    const std::int64_t first_row = t * (in_.neurons / out_.columns) + block_.row;
    for (std::int64_t r = 0; r < block_.rows; ++r)
      isa_kernels<R>().pack(spikes_ + r * block_.columns,
                            out_.words + (first_row + r) * words_per_row + block_.column / 64,
                            block_.columns);
  }

  const ScanInput<R>& in_;
  const ScanOutput<R>& out_;
  const Blocks& blocks_;
  const std::int64_t stride_;
  const RowWriter<R> writer_;
  Scratch<R> scratch_;
  R *const state_, *const spikes_, *const sum_;
  Block block_{};
};

/// How a backward pass is cut.
struct BackwardCut {
  ReplayCut replay;
  std::int64_t blocks;
  std::int64_t ahead;  // rows between a prefetch and the read: the latency of memory

  template <class R>
  static BackwardCut of(const ScanInput<R>& in) {
    const std::int64_t step_bytes = ReplayCut::step_bytes(in.program);
    const std::int64_t fitting = backward_bytes / step_bytes / in.steps / 64 * 64;
    const std::int64_t largest = block_for(in.neurons, largest_backward_block);
    const std::int64_t block = std::clamp(fitting, smallest_block, largest);
    return {ReplayCut::of(in.program, in.steps, block), (in.neurons + block - 1) / block,
            std::clamp<std::int64_t>(4096 / block, 1, 6)};
  }
};

/// One thread's backward pass over its blocks.
template <class R>
class BackwardPass {
 public:
  BackwardPass(const ScanInput<R>& in, const ScanGradInput<R>& grad_in,
               const ScanGradOutput<R>& grad_out, const BackwardCut& cut, R* memory)
      : in_(in),
        grad_in_(grad_in),
        grad_out_(grad_out),
        cut_(cut),
        block_(cut.replay.block),
        writer_(in.static_input ? in.neurons : in.neurons * in.steps),
        scratch_(memory),
        replay_(in.program, cut.replay, scratch_),
        grad_state_(scratch_.take(in.program.states * block_)),
        grad_learnables_(scratch_.take(in.program.learnables * block_)),
        grad_x_sum_(scratch_.take(block_)),
        zeros_(scratch_.take(piece)),
        grad_spikes_(scratch_.take(piece)),
        grad_x_(scratch_.take(piece)) {
    std::fill_n(zeros_, piece, R(0));
  }

  static std::int64_t memory_elements(const ScanInput<R>& in, const BackwardCut& cut) {
    const std::int64_t rows = in.program.states + in.program.learnables + 1;
    return Replay<R>::memory_elements(in.program, cut.replay) + rows * cut.replay.block + 3 * piece;
  }

  /// The backward pass of one block; adds its neurons' shares to `grad_learnables`.
  void run(std::int64_t index, double* grad_learnables) {
    first_ = index * block_;
    count_ = std::min(block_, in_.neurons - first_);
    load_gradients();
    find_boundaries();
    for (std::int64_t chunk = cut_.replay.chunks - 1; chunk >= 0; --chunk) {
      recompute(chunk);
      for (std::int64_t t = replay_.end() - 1; t >= replay_.begin(); --t)
        for_pieces(count_, [&](std::int64_t i, std::int64_t n) { adjoint(t, i, n); });
    }
    store_gradients(grad_learnables);
  }

 private:
  void load_gradients() {
    std::fill_n(grad_learnables_, in_.program.learnables * block_, R(0));
    std::fill_n(grad_x_sum_, count_, R(0));
    for (int k = 0; k < in_.program.states; ++k) {
      R* const variable = grad_state_ + k * block_;
      if (grad_in_.state[k] != nullptr)
        std::copy_n(grad_in_.state[k] + first_, count_, variable);
      else
        std::fill_n(variable, count_, R(0));
    }
  }

  void store_gradients(double* grad_learnables) const {
    if (in_.static_input && grad_out_.x != nullptr)
      std::copy_n(grad_x_sum_, count_, grad_out_.x + first_);
    for (int k = 0; k < in_.program.states; ++k)
      if (grad_out_.state[k] != nullptr)
        std::copy_n(grad_state_ + k * block_, count_, grad_out_.state[k] + first_);
    for (int l = 0; l < in_.program.learnables; ++l)
      for (std::int64_t i = 0; i < count_; ++i)
        grad_learnables[l] += static_cast<double>(grad_learnables_[l * block_ + i]);
  }

  void step(const R* before, R* after, std::int64_t t, std::int64_t i, std::int64_t n) const {
    in_.program.kernels.step(in_.program.params,
                             {before + i, after + i, in_.x_at(t) + first_ + i, nullptr, n, block_});
  }

  /// The states at the start of each chunk.
  void find_boundaries() {
    replay_.start(in_.state, first_, count_, [&](const R* before, R* after, std::int64_t t) {
      for_pieces(count_, [&](std::int64_t i, std::int64_t n) {
        prefetch(in_.x_after(t, first_ + i, 0), n);
        step(before, after, t, i, n);
      });
    });
  }

  /// The rows of memory that a chunk reads, in order: x forwards, gradients of the spikes
  /// backwards, and then the next block's x. Null: nothing.
  const R* read_in_turn(std::int64_t position) const {
    const std::int64_t length = replay_.end() - replay_.begin();
    if (position < length)
      return in_.static_input ? nullptr : in_.x_at(replay_.begin() + position) + first_;
    position -= length;
    if (position < length) return grad_spikes_row(replay_.end() - 1 - position);
    position -= length;
    const bool next = !in_.static_input && cut_.replay.chunks == 1 && first_ + count_ < in_.neurons;
    return next && position < length ? in_.x_at(position) + first_ + count_ : nullptr;
  }
  const R* grad_spikes_row(std::int64_t t) const {
    return grad_in_.spikes == nullptr ? nullptr : grad_in_.spikes + t * in_.neurons + first_;
  }
  void prefetch_after(std::int64_t position, std::int64_t i, std::int64_t n) const {
    const R* const row = read_in_turn(position + cut_.ahead);
    if (row != nullptr) prefetch(row + i, n);
  }

  /// The state before each step of the chunk.
  void recompute(std::int64_t chunk) {
    replay_.enter(chunk, [&](const R* before, R* after, std::int64_t t) {
      for_pieces(count_, [&](std::int64_t i, std::int64_t n) {
        prefetch_after(t - replay_.begin(), i, n);
        if (after != nullptr) step(before, after, t, i, n);
      });
    });
  }

  /// Gradient of the output of step t: what was given for the spikes and a share of the rate's.
  const R* grad_spikes(std::int64_t t, std::int64_t i, std::int64_t n) const {
    const R* const row = grad_spikes_row(t);
    const R* const given = row != nullptr ? row + i : zeros_;
    if (grad_in_.rate == nullptr) return given;
    for (std::int64_t j = 0; j < n; ++j)
      grad_spikes_[j] = given[j] + grad_in_.rate[first_ + i + j] / R(in_.steps);
    return grad_spikes_;
  }

  /// Step t backward for n neurons, the i-th of the block and on.
  void adjoint(std::int64_t t, std::int64_t i, std::int64_t n) const {
    const std::int64_t row = t * in_.neurons + first_ + i;
    prefetch_after((replay_.end() - replay_.begin()) + (replay_.end() - 1 - t), i, n);
    if (grad_in_.trace != nullptr)
      for (std::int64_t j = 0; j < n; ++j) grad_state_[i + j] += grad_in_.trace[row + j];
    R* const learnables = in_.program.learnables > 0 ? grad_learnables_ + i : nullptr;
    in_.program.kernels.adjoint(
        in_.program.params, in_.program.slope,
        {replay_.before(t) + i, in_.x_at(t) + first_ + i, grad_spikes(t, i, n), grad_state_ + i,
         grad_x_, learnables, n, block_});
    if (grad_out_.x == nullptr) return;
    if (in_.static_input)
      for (std::int64_t j = 0; j < n; ++j) grad_x_sum_[i + j] += grad_x_[j];
    else
      writer_.write(grad_x_, grad_out_.x + row, n);
  }

  const ScanInput<R>& in_;
  const ScanGradInput<R>& grad_in_;
  const ScanGradOutput<R>& grad_out_;
  const BackwardCut cut_;
  const std::int64_t block_;
  const RowWriter<R> writer_;
  Scratch<R> scratch_;
  Replay<R> replay_;
  R *const grad_state_, *const grad_learnables_;
  R *const grad_x_sum_, *const zeros_, *const grad_spikes_, *const grad_x_;
  std::int64_t first_ = 0, count_ = 0;  // neurons of the block
};

}  // namespace

template <class R>
void scan_forward_cpu(const ScanInput<R>& in, const ScanOutput<R>& out) {
  if (in.neurons == 0) return;
  const bool row_by_row = out.words != nullptr && out.columns % 64 != 0;
  const Blocks blocks(in.neurons, row_by_row ? out.columns : in.neurons, largest_forward_block);
  RangeScratch scratch = scratch_for<R>(ForwardPass<R>::memory_elements(in, blocks));
  parallel_for(0, blocks.count(), 1, [&](std::int64_t begin, std::int64_t end) {
    ForwardPass<R> pass(in, out, blocks, scratch.take<R>());
    for (std::int64_t b = begin; b < end; ++b) pass.run(b);
    fence_streams();
  });
}

template <class R>
void scan_backward_cpu(const ScanInput<R>& in, const ScanGradInput<R>& grad_in,
                       const ScanGradOutput<R>& grad_out) {
  const int learnables = in.program.learnables;
  if (grad_out.learnables != nullptr) std::fill_n(grad_out.learnables, learnables, 0.0);
  if (in.neurons == 0) return;
  const BackwardCut cut = BackwardCut::of(in);
  std::vector<double> shares(static_cast<std::size_t>(cut.blocks * learnables));
  RangeScratch scratch = scratch_for<R>(BackwardPass<R>::memory_elements(in, cut));
  parallel_for(0, cut.blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    BackwardPass<R> pass(in, grad_in, grad_out, cut, scratch.take<R>());
    for (std::int64_t b = begin; b < end; ++b) pass.run(b, shares.data() + b * learnables);
    fence_streams();
  });
  if (grad_out.learnables == nullptr) return;
  for (std::int64_t b = 0; b < cut.blocks; ++b)
    for (int l = 0; l < learnables; ++l)
      grad_out.learnables[l] += shares[static_cast<std::size_t>(b * learnables + l)];
}

template void scan_forward_cpu(const ScanInput<float>&, const ScanOutput<float>&);
template void scan_forward_cpu(const ScanInput<double>&, const ScanOutput<double>&);
template void scan_backward_cpu(const ScanInput<float>&, const ScanGradInput<float>&,
                                const ScanGradOutput<float>&);
template void scan_backward_cpu(const ScanInput<double>&, const ScanGradInput<double>&,
                                const ScanGradOutput<double>&);

}  // namespace ranvier::neurons
