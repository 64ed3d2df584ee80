// Neurons are cut into blocks that fit the caches and each block is taken through all its time
// steps: the state never leaves the core, x is read once and each result written once. Blocks are
// independent, so threads share them out. How neurons are cut depends on shapes only; sums over
// neurons add blocks up in order, so results do not depend on the number of threads.
//
// Memory bandwidth is the limit, hence: rows are prefetched by hand (each step's row starts on a
// new page, where the hardware's prefetcher starts over), and results too large for the caches
// are stored past them, which saves reading every line before it is overwritten.
#include <algorithm>
#include <vector>

#include <immintrin.h>

#include "ranvier/core/allocator.h"
#include "ranvier/core/parallel.h"
#include "ranvier/ops/neurons/detail/isa_kernels.h"
#include "ranvier/ops/neurons/detail/scan_cpu.h"

namespace ranvier::neurons {
namespace {

constexpr std::int64_t forward_block = 1024;          // state and output rows fit L1
constexpr std::int64_t largest_backward_block = 512;  // with all its steps in L2
constexpr std::int64_t smallest_block = 128;
constexpr std::int64_t backward_bytes = 512 << 10;  // of one block's steps, half of a common L2
constexpr std::int64_t streamed_bytes = 4 << 20;    // results from this size on bypass the caches
constexpr std::int64_t prefetch_rows = 2;

/// Memory of one thread for the time of a loop, handed out row by row.
template <class R>
class Scratch {
 public:
  explicit Scratch(std::int64_t elements)
      : bytes_(static_cast<std::size_t>(elements) * sizeof(R)),
        next_(static_cast<R*>(cpu_allocator().allocate(bytes_))),
        begin_(next_) {}
  ~Scratch() { cpu_allocator().deallocate(begin_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  R* take(std::int64_t elements) {
    R* const taken = next_;
    next_ += elements;
    return taken;
  }

 private:
  std::size_t bytes_;
  R* next_;
  R* begin_;
};

template <class R>
void prefetch(const R* row, std::int64_t count) {
  constexpr std::int64_t line = 64 / sizeof(R);
  for (std::int64_t i = 0; i < count; i += line) __builtin_prefetch(row + i);
}

/// The state of a block at the start of the shard.
template <class R>
void load_state(const ScanInput<R>& in, std::int64_t first, std::int64_t count, R* state,
                std::int64_t stride) {
  for (int k = 0; k < in.program.states; ++k) {
    R* const variable = state + k * stride;
    if (in.state[k] != nullptr)
      std::copy_n(in.state[k] + first, count, variable);
    else
      std::fill_n(variable, count, in.program.rest[k]);
  }
}

/// Writes result rows, past the caches if there are many.
template <class R>
class RowWriter {
 public:
  explicit RowWriter(std::int64_t elements)
      : stream_(elements * static_cast<std::int64_t>(sizeof(R)) >= streamed_bytes
                    ? isa_kernels<R>().stream
                    : nullptr) {}
  bool streams() const { return stream_ != nullptr; }
  void write(const R* from, R* to, std::int64_t count) const {
    if (stream_ != nullptr)
      stream_(from, to, count);
    else
      std::copy_n(from, count, to);
  }

 private:
  void (*stream_)(const R*, R*, std::int64_t);
};

/// Consecutive neurons; where spikes are packed, whole rows of columns or one row's piece.
struct Block {
  std::int64_t first, count;
  std::int64_t row, rows, column, columns;  // rows of `columns` neurons, from `column` on
};

/// How [neurons] is cut for the forward pass. Packed rows start on a word, so a block is a number
/// of rows or a piece of one that starts on a word.
class Blocks {
 public:
  Blocks(std::int64_t neurons, std::int64_t columns)
      : columns_(columns),
        rows_(neurons / columns),
        rows_per_block_(std::max<std::int64_t>(1, forward_block / columns)),
        pieces_per_row_((columns + forward_block - 1) / forward_block) {}
  std::int64_t count() const {
    return columns_ > forward_block ? rows_ * pieces_per_row_
                                    : (rows_ + rows_per_block_ - 1) / rows_per_block_;
  }
  Block operator[](std::int64_t index) const {
    if (columns_ > forward_block) {
      const std::int64_t row = index / pieces_per_row_;
      const std::int64_t column = index % pieces_per_row_ * forward_block;
      const std::int64_t count = std::min(forward_block, columns_ - column);
      return {row * columns_ + column, count, row, 1, column, count};
    }
    const std::int64_t row = index * rows_per_block_;
    const std::int64_t rows = std::min(rows_per_block_, rows_ - row);
    return {row * columns_, rows * columns_, row, rows, 0, columns_};
  }

 private:
  std::int64_t columns_, rows_, rows_per_block_, pieces_per_row_;
};

template <class R>
void write_packed(const ScanOutput<R>& out, const Block& block, std::int64_t first_row,
                  const R* spikes) {
  const std::int64_t words_per_row = (out.columns + 63) / 64;
  for (std::int64_t r = 0; r < block.rows; ++r)
    isa_kernels<R>().pack(spikes + r * block.columns,
                          out.words + (first_row + r) * words_per_row + block.column / 64,
                          block.columns);
}

template <class R>
void forward_block_over_time(const ScanInput<R>& in, const ScanOutput<R>& out, const Block& block,
                             const RowWriter<R>& writer, R* state, R* spikes, R* sum) {
  const std::int64_t first = block.first, count = block.count, stride = forward_block;
  load_state(in, first, count, state, stride);
  if (out.rate != nullptr) std::fill_n(sum, count, R(0));
  for (std::int64_t t = 0; t < in.steps; ++t) {
    if (!in.static_input && t + prefetch_rows < in.steps)
      prefetch(in.x_at(t + prefetch_rows) + first, count);
    in.program.kernels.step(in.program.params,
                            {state, state, in.x_at(t) + first, spikes, count, stride});
    const std::int64_t row = t * in.neurons + first;
    if (out.spikes != nullptr) writer.write(spikes, out.spikes + row, count);
    if (out.words != nullptr)
      write_packed(out, block, t * (in.neurons / out.columns) + block.row, spikes);
    if (out.trace != nullptr) writer.write(state, out.trace + row, count);
    if (out.rate != nullptr)
      for (std::int64_t i = 0; i < count; ++i) sum[i] += spikes[i];
  }
  if (out.rate != nullptr)
    for (std::int64_t i = 0; i < count; ++i) out.rate[first + i] = sum[i] / R(in.steps);
  for (int k = 0; k < in.program.states; ++k)
    if (out.state[k] != nullptr) std::copy_n(state + k * stride, count, out.state[k] + first);
}

/// How a backward pass is cut: blocks of neurons, and time in chunks whose states fit the cache.
struct BackwardCut {
  std::int64_t block, blocks, chunk, chunks;

  template <class R>
  static BackwardCut of(const ScanInput<R>& in) {
    // A step keeps the state before it in L2, and x and the gradient between their two uses.
    const auto step_bytes = static_cast<std::int64_t>(sizeof(R)) * (in.program.states + 2);
    const std::int64_t shared = (in.neurons / 16 + 63) / 64 * 64;  // some blocks for every thread
    const std::int64_t fitting = backward_bytes / step_bytes / in.steps / 64 * 64;
    BackwardCut cut{};
    cut.block = std::clamp(std::min(fitting, shared), smallest_block, largest_backward_block);
    cut.blocks = (in.neurons + cut.block - 1) / cut.block;
    cut.chunk =
        std::min(in.steps, std::max<std::int64_t>(1, backward_bytes / step_bytes / cut.block));
    cut.chunks = (in.steps + cut.chunk - 1) / cut.chunk;
    return cut;
  }
};

/// One thread's backward pass over its blocks.
template <class R>
class BackwardPass {
 public:
  BackwardPass(const ScanInput<R>& in, const ScanGradInput<R>& grad_in,
               const ScanGradOutput<R>& grad_out, const BackwardCut& cut)
      : in_(in),
        grad_in_(grad_in),
        grad_out_(grad_out),
        cut_(cut),
        state_size_(in.program.states * cut.block),
        writer_(in.static_input ? in.neurons : in.neurons * in.steps),
        scratch_(state_size_ * (cut.chunks + cut.chunk + 1) +
                 (in.program.learnables + 4) * cut.block),
        boundaries_(scratch_.take(state_size_ * cut.chunks)),
        states_(scratch_.take(state_size_ * cut.chunk)),
        grad_state_(scratch_.take(state_size_)),
        grad_learnables_(scratch_.take(in.program.learnables * cut.block)),
        zeros_(scratch_.take(cut.block)),
        grad_spikes_(scratch_.take(cut.block)),
        grad_x_(scratch_.take(cut.block)),
        grad_x_sum_(scratch_.take(cut.block)) {
    std::fill_n(zeros_, cut.block, R(0));
  }

  /// The backward pass of one block; adds nothing to other blocks' results.
  void run(std::int64_t index, double* grad_learnables) {
    first_ = index * cut_.block;
    count_ = std::min(cut_.block, in_.neurons - first_);
    std::fill_n(grad_learnables_, in_.program.learnables * cut_.block, R(0));
    std::fill_n(grad_x_sum_, count_, R(0));
    for (int k = 0; k < in_.program.states; ++k) {
      R* const variable = grad_state_ + k * cut_.block;
      if (grad_in_.state[k] != nullptr)
        std::copy_n(grad_in_.state[k] + first_, count_, variable);
      else
        std::fill_n(variable, count_, R(0));
    }

    find_boundaries();
    for (std::int64_t chunk = cut_.chunks - 1; chunk >= 0; --chunk) {
      const std::int64_t begin = chunk * cut_.chunk;
      const std::int64_t end = std::min(in_.steps, begin + cut_.chunk);
      recompute(begin, end, boundaries_ + chunk * state_size_);
      for (std::int64_t t = end - 1; t >= begin; --t)
        adjoint(t, states_ + (t - begin) * state_size_);
    }

    if (in_.static_input && grad_out_.x != nullptr)
      std::copy_n(grad_x_sum_, count_, grad_out_.x + first_);
    for (int k = 0; k < in_.program.states; ++k)
      if (grad_out_.state[k] != nullptr)
        std::copy_n(grad_state_ + k * cut_.block, count_, grad_out_.state[k] + first_);
    for (int l = 0; l < in_.program.learnables; ++l)
      for (std::int64_t i = 0; i < count_; ++i)
        grad_learnables[l] += static_cast<double>(grad_learnables_[l * cut_.block + i]);
  }

 private:
  void step(const R* before, R* after, std::int64_t t) {
    in_.program.kernels.step(in_.program.params,
                             {before, after, in_.x_at(t) + first_, nullptr, count_, cut_.block});
  }

  /// The states at the start of each chunk.
  void find_boundaries() {
    load_state(in_, first_, count_, boundaries_, cut_.block);
    for (std::int64_t chunk = 1; chunk < cut_.chunks; ++chunk) {
      R* const boundary = boundaries_ + chunk * state_size_;
      std::copy_n(boundary - state_size_, state_size_, boundary);
      for (std::int64_t t = (chunk - 1) * cut_.chunk; t < chunk * cut_.chunk; ++t) {
        prefetch_x(t + prefetch_rows);
        step(boundary, boundary, t);
      }
    }
  }

  /// The state before each step of a chunk; meanwhile fetches the gradients it will meet.
  void recompute(std::int64_t begin, std::int64_t end, const R* boundary) {
    std::copy_n(boundary, state_size_, states_);
    for (std::int64_t t = begin; t < end; ++t) {
      prefetch_x(t + prefetch_rows);
      if (grad_in_.spikes != nullptr) prefetch(grad_in_.spikes + t * in_.neurons + first_, count_);
      R* const state = states_ + (t - begin) * state_size_;
      if (t + 1 < end) step(state, state + state_size_, t);
    }
  }

  void prefetch_x(std::int64_t t) const {
    if (!in_.static_input && t < in_.steps) prefetch(in_.x_at(t) + first_, count_);
  }

  const R* grad_spikes(std::int64_t t) {
    const std::int64_t row = t * in_.neurons + first_;
    const R* const given = grad_in_.spikes != nullptr ? grad_in_.spikes + row : zeros_;
    if (grad_in_.rate == nullptr) return given;
    for (std::int64_t i = 0; i < count_; ++i)
      grad_spikes_[i] = given[i] + grad_in_.rate[first_ + i] / R(in_.steps);
    return grad_spikes_;
  }

  void adjoint(std::int64_t t, const R* before) {
    const std::int64_t row = t * in_.neurons + first_;
    if (grad_in_.trace != nullptr)
      for (std::int64_t i = 0; i < count_; ++i) grad_state_[i] += grad_in_.trace[row + i];
    in_.program.kernels.adjoint(
        in_.program.params, in_.program.slope,
        {before, in_.x_at(t) + first_, grad_spikes(t), grad_state_, grad_x_,
         in_.program.learnables > 0 ? grad_learnables_ : nullptr, count_, cut_.block});
    if (grad_out_.x == nullptr) return;
    if (in_.static_input)
      for (std::int64_t i = 0; i < count_; ++i) grad_x_sum_[i] += grad_x_[i];
    else
      writer_.write(grad_x_, grad_out_.x + row, count_);
  }

  const ScanInput<R>& in_;
  const ScanGradInput<R>& grad_in_;
  const ScanGradOutput<R>& grad_out_;
  const BackwardCut cut_;
  const std::int64_t state_size_;
  const RowWriter<R> writer_;
  Scratch<R> scratch_;
  R *const boundaries_, *const states_, *const grad_state_, *const grad_learnables_;
  R *const zeros_, *const grad_spikes_, *const grad_x_, *const grad_x_sum_;
  std::int64_t first_ = 0, count_ = 0;
};

}  // namespace

template <class R>
void scan_forward_cpu(const ScanInput<R>& in, const ScanOutput<R>& out) {
  if (in.neurons == 0) return;
  const bool row_by_row = out.words != nullptr && out.columns % 64 != 0;
  const Blocks blocks(in.neurons, row_by_row ? out.columns : in.neurons);
  const RowWriter<R> writer(in.neurons * in.steps);
  parallel_for(0, blocks.count(), 1, [&](std::int64_t begin, std::int64_t end) {
    Scratch<R> scratch((in.program.states + 2) * forward_block);
    R* const state = scratch.take(in.program.states * forward_block);
    R* const spikes = scratch.take(forward_block);
    R* const sum = scratch.take(forward_block);
    for (std::int64_t b = begin; b < end; ++b)
      forward_block_over_time(in, out, blocks[b], writer, state, spikes, sum);
    _mm_sfence();
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
  parallel_for(0, cut.blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    BackwardPass<R> pass(in, grad_in, grad_out, cut);
    for (std::int64_t b = begin; b < end; ++b) pass.run(b, shares.data() + b * learnables);
    _mm_sfence();
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
