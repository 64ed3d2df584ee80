// Neurons are cut into blocks that fit the caches and each block is taken through all its time
// steps: the state never leaves the core, x is read once and each result written once. Blocks are
// independent, so threads share them out. How neurons are cut depends on shapes only; sums over
// neurons add blocks up in order, so results do not depend on the number of threads.
//
// Memory bandwidth is the limit, hence: rows to come are prefetched by hand (each starts on a new
// page, where the hardware's prefetcher starts over); blocks are short, so that prefetches,
// arithmetic and stores take turns every few lines and memory is never idle; and results too large
// for the caches are stored past them, which saves reading every line before it is overwritten.
#include "ranvier/ops/neurons/detail/scan_kernels.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <type_traits>
#include <vector>

#include "ranvier/core/dtype.h"
#include "ranvier/core/parallel.h"
#include "ranvier/ops/neurons/detail/pieces.h"
#include "ranvier/ops/neurons/detail/replay.h"

namespace ranvier::neurons {
namespace {

constexpr std::int64_t ahead = 6;  // rows between a prefetch and the read: the latency of memory

enum class Pass { first, repair };

/// One thread's forward pass over its blocks.
template <class R>
class ForwardPass {
 public:
  ForwardPass(const ScanInput<R>& in, const ScanOutput<R>& out, Pass pass, const Blocks& blocks,
              R* memory)
      : in_(in),
        out_(out),
        repairs_(pass == Pass::repair),
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

  /// Takes a block through time, a repair until it meets a checkpoint; returns the steps that took,
  /// times the neurons.
  std::int64_t run(std::int64_t index) {
    block_ = blocks_[index];
    load_state(in_.program, in_.state, block_.first, block_.count, state_, stride_);
    std::fill_n(sum_, block_.count, R(0));
    for (std::int64_t t = 0; t < in_.steps; ++t) {
      step(t);
      const std::int64_t done = t + 1;
      if (out_.checkpoints == nullptr || done % checkpoint_interval != 0 || done == in_.steps)
        continue;
      if (repairs_ && at_checkpoint(done)) return done * block_.count;
      leave_checkpoint(done);
    }
    store_results();
    return in_.steps * block_.count;
  }

 private:
  void store_results() const {
    if (out_.rate != nullptr)
      for (std::int64_t i = 0; i < block_.count; ++i)
        out_.rate[block_.first + i] = sum_[i] / R(in_.steps);
    for (int k = 0; k < in_.program.states; ++k)
      if (out_.state[k] != nullptr)
        std::copy_n(state_ + k * stride_, block_.count, out_.state[k] + block_.first);
  }

  /// Where variable k of the block is after `done` steps.
  R* kept(std::int64_t done, int k) const {
    return checkpoint(out_.checkpoints, done / checkpoint_interval - 1, k, in_.program.states,
                      in_.neurons) +
           block_.first;
  }
  bool at_checkpoint(std::int64_t done) const {
    const std::size_t bytes = static_cast<std::size_t>(block_.count) * sizeof(R);
    for (int k = 0; k < in_.program.states; ++k)
      if (std::memcmp(state_ + k * stride_, kept(done, k), bytes) != 0) return false;
    return true;
  }
  void leave_checkpoint(std::int64_t done) const {
    for (int k = 0; k < in_.program.states; ++k)
      std::copy_n(state_ + k * stride_, block_.count, kept(done, k));
  }

  void step(std::int64_t t) {
    const std::int64_t first = block_.first, count = block_.count, row = t * in_.neurons + first;
    prefetch(in_.x_after(t, first, count), count);
    in_.program.kernels.step(in_.program.params,
                             {state_, state_, in_.x_at(t) + first, spikes_, count, stride_});
    if (out_.spikes != nullptr) writer_.write(spikes_, out_.spikes + row, count);
    if (out_.words != nullptr) pack(t);
    if (out_.trace != nullptr) writer_.write(state_, out_.trace + row, count);
    if (out_.rate != nullptr)
      for (std::int64_t i = 0; i < count; ++i) sum_[i] += spikes_[i];
  }

  void pack(std::int64_t t) {
    const std::int64_t row_words = words_per_row(out_.columns);
    const std::int64_t first_row = t * (in_.neurons / out_.columns) + block_.row;
    for (std::int64_t r = 0; r < block_.rows; ++r)
      isa_kernels<R>().pack(spikes_ + r * block_.columns,
                            out_.words + (first_row + r) * row_words + block_.column / 64,
                            block_.columns);
  }

  const ScanInput<R>& in_;
  const ScanOutput<R>& out_;
  const bool repairs_;
  const Blocks& blocks_;
  const std::int64_t stride_;
  const RowWriter<R> writer_;
  Scratch<R> scratch_;
  R *const state_, *const spikes_, *const sum_;
  Block block_{};
};

/// One thread's backward pass over its blocks.
template <class R>
class BackwardPass {
 public:
  BackwardPass(const ScanInput<R>& in, const ScanGradInput<R>& grad_in,
               const ScanGradOutput<R>& grad_out, const ReplayCut& cut, R* memory)
      : in_(in),
        grad_in_(grad_in),
        grad_out_(grad_out),
        cut_(cut),
        block_(cut.block),
        writer_(in.static_input ? in.neurons : in.neurons * in.steps),
        scratch_(memory),
        replay_(in.program, cut, scratch_),
        grad_state_(scratch_.take(in.program.states * block_)),
        grad_learnables_(scratch_.take(in.program.learnables * block_)),
        grad_x_sum_(scratch_.take(block_)),
        zeros_(scratch_.take(block_)),
        grad_spikes_(scratch_.take(block_)),
        grad_x_(scratch_.take(block_)) {
    std::fill_n(zeros_, block_, R(0));
  }

  static std::int64_t memory_elements(const ScanInput<R>& in, const ReplayCut& cut) {
    const std::int64_t rows = in.program.states + in.program.learnables + 4;
    return Replay<R>::memory_elements(in.program, cut) + rows * cut.block;
  }

  /// The backward pass of one block; adds its neurons' shares to `grad_learnables`.
  void run(std::int64_t index, double* grad_learnables) {
    first_ = index * block_;
    count_ = std::min(block_, in_.neurons - first_);
    load_gradients();
    find_boundaries();
    for (std::int64_t chunk = cut_.chunks - 1; chunk >= 0; --chunk) {
      recompute(chunk);
      for (std::int64_t t = replay_.end() - 1; t >= replay_.begin(); --t) adjoint(t);
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

  void step(const R* before, R* after, std::int64_t t) const {
    in_.program.kernels.step(in_.program.params,
                             {before, after, in_.x_at(t) + first_, nullptr, count_, block_});
  }

  /// The states at the start of each chunk.
  void find_boundaries() {
    replay_.start(in_.state, first_, count_, [&](const R* before, R* after, std::int64_t t) {
      prefetch(in_.x_after(t, first_, 0), count_);
      step(before, after, t);
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
    const bool next = !in_.static_input && cut_.chunks == 1 && first_ + count_ < in_.neurons;
    return next && position < length ? in_.x_at(position) + first_ + count_ : nullptr;
  }
  const R* grad_spikes_row(std::int64_t t) const {
    return grad_in_.spikes == nullptr ? nullptr : grad_in_.spikes + t * in_.neurons + first_;
  }
  void prefetch_after(std::int64_t position) const {
    prefetch(read_in_turn(position + ahead), count_);
  }

  /// The state before each step of the chunk.
  void recompute(std::int64_t chunk) {
    replay_.enter(chunk, [&](const R* before, R* after, std::int64_t t) {
      prefetch_after(t - replay_.begin());
      if (after != nullptr) step(before, after, t);
    });
  }

  /// Gradient of the output of step t: what was given for the spikes and a share of the rate's.
  const R* grad_spikes(std::int64_t t) const {
    const R* const row = grad_spikes_row(t);
    const R* const given = row != nullptr ? row : zeros_;
    if (grad_in_.rate == nullptr) return given;
    for (std::int64_t i = 0; i < count_; ++i)
      grad_spikes_[i] = given[i] + grad_in_.rate[first_ + i] / R(in_.steps);
    return grad_spikes_;
  }

  void adjoint(std::int64_t t) const {
    const std::int64_t row = t * in_.neurons + first_;
    prefetch_after((replay_.end() - replay_.begin()) + (replay_.end() - 1 - t));
    if (grad_in_.trace != nullptr)
      for (std::int64_t i = 0; i < count_; ++i) grad_state_[i] += grad_in_.trace[row + i];
    R* const learnables = in_.program.learnables > 0 ? grad_learnables_ : nullptr;
    in_.program.kernels.adjoint(in_.program.params, in_.program.slope,
                                {replay_.before(t), in_.x_at(t) + first_, grad_spikes(t),
                                 grad_state_, grad_x_, learnables, count_, block_});
    if (grad_out_.x == nullptr) return;
    if (in_.static_input)
      for (std::int64_t i = 0; i < count_; ++i) grad_x_sum_[i] += grad_x_[i];
    else
      writer_.write(grad_x_, grad_out_.x + row, count_);
  }

  const ScanInput<R>& in_;
  const ScanGradInput<R>& grad_in_;
  const ScanGradOutput<R>& grad_out_;
  const ReplayCut cut_;
  const std::int64_t block_;
  const RowWriter<R> writer_;
  Scratch<R> scratch_;
  Replay<R> replay_;
  R *const grad_state_, *const grad_learnables_;
  R *const grad_x_sum_, *const zeros_, *const grad_spikes_, *const grad_x_;
  std::int64_t first_ = 0, count_ = 0;  // neurons of the block
};

template <class R>
std::int64_t pass_forward(const ScanInput<R>& in, const ScanOutput<R>& out, Pass pass) {
  if (in.neurons == 0) return 0;
  const bool row_by_row = out.words != nullptr && out.columns % 64 != 0;
  const Blocks blocks(in.neurons, row_by_row ? out.columns : in.neurons, largest_block);
  std::atomic<std::int64_t> steps = 0;
  const auto run = [&](std::int64_t first, std::int64_t last) {
    RangeScratch scratch = scratch_for<R>(ForwardPass<R>::memory_elements(in, blocks));
    parallel_for(first, last, 1, [&](std::int64_t begin, std::int64_t end) {
      const FlushSubnormals flush;
      ForwardPass<R> range(in, out, pass, blocks, scratch.take<R>());
      std::int64_t own = 0;
      for (std::int64_t b = begin; b < end; ++b) own += range.run(b);
      steps += own;
      fence_streams();
    });
  };
  piece_by_piece(
      in.pieces, blocks.count(), in.neurons, [&](std::int64_t b) { return blocks[b].first; }, run);
  return steps;
}

template <class R>
void forward_cpu(Device, const ScanInput<R>& in, const ScanOutput<R>& out) {
  pass_forward(in, out, Pass::first);
}
template <class R>
std::int64_t repair_cpu(Device, const ScanInput<R>& in, const ScanOutput<R>& out) {
  return pass_forward(in, out, Pass::repair);
}

template <class R>
void backward_cpu(Device, const ScanInput<R>& in, const ScanGradInput<R>& grad_in,
                  const ScanGradOutput<R>& grad_out) {
  const int learnables = in.program.learnables;
  if (grad_out.learnables != nullptr) std::fill_n(grad_out.learnables, learnables, 0.0);
  if (in.neurons == 0) return;
  const ReplayCut cut = ReplayCut::of(in.program, in.steps, block_for(in.neurons, largest_block));
  const std::int64_t blocks = (in.neurons + cut.block - 1) / cut.block;
  std::vector<double> shares(static_cast<std::size_t>(blocks * learnables));
  const auto run = [&](std::int64_t first, std::int64_t last) {
    RangeScratch scratch = scratch_for<R>(BackwardPass<R>::memory_elements(in, cut));
    parallel_for(first, last, 1, [&](std::int64_t begin, std::int64_t end) {
      const FlushSubnormals flush;
      BackwardPass<R> pass(in, grad_in, grad_out, cut, scratch.take<R>());
      for (std::int64_t b = begin; b < end; ++b) pass.run(b, shares.data() + b * learnables);
      fence_streams();
    });
  };
  piece_by_piece(
      in.pieces, blocks, in.neurons, [&](std::int64_t b) { return b * cut.block; }, run);
  if (grad_out.learnables == nullptr) return;
  for (std::int64_t b = 0; b < blocks; ++b)
    for (int l = 0; l < learnables; ++l)
      grad_out.learnables[l] += shares[static_cast<std::size_t>(b * learnables + l)];
}

/// `kernel` if it is of the type that is asked for, else none.
template <class Wanted, class Kernel>
constexpr Wanted* if_for(Kernel* kernel) {
  if constexpr (std::is_same_v<Wanted, Kernel>)
    return kernel;
  else
    return nullptr;
}

}  // namespace

template <class R, class S>
constinit DeviceKernels<ScanForwardKernel<R, S>> ScanKernels<R, S>::forward{
    .cpu = if_for<ScanForwardKernel<R, S>>(forward_cpu<R>)};
template <class R, class S>
constinit DeviceKernels<ScanBackwardKernel<R, S>> ScanKernels<R, S>::backward{
    .cpu = if_for<ScanBackwardKernel<R, S>>(backward_cpu<R>)};
template <class R, class S>
constinit DeviceKernels<ScanRepairKernel<R, S>> ScanKernels<R, S>::repair{
    .cpu = if_for<ScanRepairKernel<R, S>>(repair_cpu<R>)};

template struct ScanKernels<float>;
template struct ScanKernels<double>;
template struct ScanKernels<float, bfloat16>;
template struct ScanKernels<float, float16>;

}  // namespace ranvier::neurons
