// Rows (samples) do not hear each other, so threads take blocks of them through all of time: the
// state and the last spikes stay in the cache of one core, and nobody waits for anybody. The cut
// into blocks depends on shapes only; what is summed over rows is added up in their order.
#include "ranvier/ops/neurons/detail/recurrent_kernels.h"

#include <algorithm>
#include <optional>
#include <type_traits>
#include <vector>

#include "ranvier/core/dtype.h"
#include "ranvier/core/parallel.h"
#include "ranvier/ops/matmul/detail/event_product.h"
#include "ranvier/ops/matmul/detail/packed_gemm.h"
#include "ranvier/ops/neurons/detail/pieces.h"
#include "ranvier/ops/neurons/detail/replay.h"

namespace ranvier::neurons {
namespace {

/// The rows of each task: enough of them to make dense products worth their calls.
struct RowBlocks {
  static constexpr std::int64_t largest = 64, smallest = 8, tasks = 8;  // sizes: multiples of 8

  explicit RowBlocks(std::int64_t all)
      : rows(all),
        size(std::clamp((all / tasks + 7) / 8 * 8, smallest, largest)),
        count((all + size - 1) / size) {}
  std::int64_t first(std::int64_t block) const { return block * size; }
  std::int64_t length(std::int64_t block) const { return std::min(size, rows - first(block)); }

  std::int64_t rows, size, count;
};

/// A product with the same matrix at every step, [rows, columns] x [columns, columns].
template <class R>
class StepProduct;

template <>
class StepProduct<float> {
 public:
  StepProduct(std::int64_t rows, std::int64_t columns, bool transposed, const float* weight)
      : gemm_({.m = rows, .n = columns, .k = columns, .transpose_b = transposed}, weight) {}
  void operator()(const float* a, float* c) { gemm_(a, c); }

 private:
  ranvier::detail::PackedGemm gemm_;
};

template <>
class StepProduct<double> {
 public:
  StepProduct(std::int64_t rows, std::int64_t columns, bool transposed, const double* weight)
      : spec_{.m = rows, .n = columns, .k = columns, .transpose_b = transposed}, weight_(weight) {}
  void operator()(const double* a, double* c) const {
    ranvier::detail::gemm(spec_, a, weight_, nullptr, c);
  }

 private:
  ranvier::detail::Gemm spec_;
  const double* weight_;
};

/// One thread's forward pass over its blocks of rows.
template <class R>
class ForwardRows {
 public:
  ForwardRows(const RecurrentInput<R>& in, const RecurrentOutput<R>& out, const RowBlocks& blocks,
              R* memory)
      : in_(in),
        out_(out),
        blocks_(blocks),
        stride_(blocks.size * in.columns),
        words_per_row_(words_per_row(in.columns)),
        scratch_(memory),
        state_(scratch_.take(in.program.states * stride_)),
        currents_(scratch_.take(stride_)),
        outputs_(scratch_.take(stride_)),
        words_(reinterpret_cast<std::uint64_t*>(scratch_.take(word_elements(in, blocks)))) {}

  static std::int64_t memory_elements(const RecurrentInput<R>& in, const RowBlocks& blocks) {
    return (in.program.states + 2) * blocks.size * in.columns + word_elements(in, blocks);
  }

  void run(std::int64_t block) {
    first_ = blocks_.first(block);
    rows_ = blocks_.length(block);
    count_ = rows_ * in_.columns;
    load_state(in_.program, in_.state, first_ * in_.columns, count_, state_, stride_);
    if (!by_events()) product_.emplace(rows_, in_.columns, false, in_.weight);
    for (std::int64_t t = 0; t < in_.steps; ++t) step(t);
    for (int k = 0; k < in_.program.states; ++k)
      if (out_.state[k] != nullptr)
        std::copy_n(state_ + k * stride_, count_, out_.state[k] + first_ * in_.columns);
  }

 private:
  bool by_events() const { return std::is_same_v<R, float> && out_.words != nullptr; }
  // What is taken before it is a multiple of 8 elements, so words are aligned.
  static std::int64_t word_elements(const RecurrentInput<R>& in, const RowBlocks& blocks) {
    return blocks.size * words_per_row(in.columns) * 8 / static_cast<std::int64_t>(sizeof(R));
  }

  std::int64_t at(std::int64_t t) const { return t * in_.step() + first_ * in_.columns; }
  std::uint64_t* words_at(std::int64_t t) const {
    return out_.words + (t * in_.rows + first_) * words_per_row_;
  }

  void step(std::int64_t t) {
    R* const currents = out_.currents != nullptr ? out_.currents + at(t) : currents_;
    const R* const x = in_.x + at(t);
    if (hear_outputs(t, currents))
      for (std::int64_t i = 0; i < count_; ++i) currents[i] += x[i];
    else
      std::copy_n(x, count_, currents);
    R* const outputs = out_.outputs != nullptr ? out_.outputs + at(t) : outputs_;
    in_.program.kernels.step(in_.program.params,
                             {state_, state_, currents, outputs, count_, stride_});
    if (out_.words != nullptr) pack(outputs, words_at(t));
    if (t + 1 == in_.steps && out_.last != nullptr)
      std::copy_n(outputs, count_, out_.last + first_ * in_.columns);
  }

  /// Writes what comes from the outputs of the step before t to `heard`; false: there were none.
  bool hear_outputs(std::int64_t t, R* heard) {
    const R* before = in_.output == nullptr ? nullptr : in_.output + first_ * in_.columns;
    if (t == 0 && before == nullptr) return false;
    if constexpr (std::is_same_v<R, float>)
      if (by_events()) {
        if (t == 0) pack(before, words_);
        add_up_spikes(t > 0 ? words_at(t - 1) : words_, heard);
        return true;
      }
    (*product_)(t > 0 ? out_.outputs + at(t - 1) : before, heard);
    return true;
  }

  void pack(const R* outputs, std::uint64_t* words) const {
    for (std::int64_t r = 0; r < rows_; ++r)
      isa_kernels<R>().pack(outputs + r * in_.columns, words + r * words_per_row_, in_.columns);
  }

  void add_up_spikes(const std::uint64_t* spikes, float* heard) const {
    ranvier::detail::event_product({.spikes = spikes,
                                    .rows = rows_,
                                    .depth = in_.columns,
                                    .table = in_.weight,
                                    .columns = in_.columns,
                                    .out = heard});
  }

  const RecurrentInput<R>& in_;
  const RecurrentOutput<R>& out_;
  const RowBlocks& blocks_;
  const std::int64_t stride_, words_per_row_;
  Scratch<R> scratch_;
  R *const state_, *const currents_, *const outputs_;
  std::uint64_t* const words_;
  std::optional<StepProduct<R>> product_;
  std::int64_t first_ = 0, rows_ = 0, count_ = 0;
};

/// One thread's backward pass over its blocks of rows.
template <class R>
class BackwardRows {
 public:
  BackwardRows(const RecurrentInput<R>& in, const R* currents, const RecurrentGradInput<R>& grad_in,
               const RecurrentGradOutput<R>& grad_out, const RowBlocks& blocks,
               const ReplayCut& cut, R* memory)
      : in_(in),
        currents_(currents),
        grad_in_(grad_in),
        grad_out_(grad_out),
        blocks_(blocks),
        stride_(cut.block),
        scratch_(memory),
        replay_(in.program, cut, scratch_),
        grad_state_(scratch_.take(in.program.states * stride_)),
        grad_learnables_(scratch_.take(in.program.learnables * stride_)),
        grad_outputs_(scratch_.take(stride_)),
        chunks_(cut.chunks) {}

  static std::int64_t memory_elements(const RecurrentInput<R>& in, const ReplayCut& cut) {
    const std::int64_t rows = in.program.states + in.program.learnables + 1;
    return Replay<R>::memory_elements(in.program, cut) + rows * cut.block;
  }

  /// The backward pass of one block; adds each of its rows' shares to `grad_learnables`.
  void run(std::int64_t block, double* grad_learnables) {
    first_ = blocks_.first(block) * in_.columns;
    count_ = blocks_.length(block) * in_.columns;
    StepProduct<R> product(blocks_.length(block), in_.columns, true, in_.weight);
    load_gradients();
    replay_.start(in_.state, first_, count_,
                  [&](const R* before, R* after, std::int64_t t) { step(before, after, t); });
    for (std::int64_t chunk = chunks_ - 1; chunk >= 0; --chunk) {
      replay_.enter(chunk, [&](const R* before, R* after, std::int64_t t) {
        if (after != nullptr) step(before, after, t);
      });
      for (std::int64_t t = replay_.end() - 1; t >= replay_.begin(); --t) {
        adjoint(t);
        if (t > 0 || grad_out_.output != nullptr) product(grad_out_.x + at(t), grad_outputs_);
      }
    }
    store_gradients(grad_learnables);
  }

 private:
  std::int64_t at(std::int64_t t) const { return t * in_.step() + first_; }

  void step(const R* before, R* after, std::int64_t t) const {
    in_.program.kernels.step(in_.program.params,
                             {before, after, currents_ + at(t), nullptr, count_, stride_});
  }

  void load_gradients() {
    std::fill_n(grad_learnables_, in_.program.learnables * stride_, R(0));
    for (int k = 0; k < in_.program.states; ++k)
      load_or_zero(grad_in_.state[k], grad_state_ + k * stride_);
    load_or_zero(grad_in_.last, grad_outputs_);
  }
  void load_or_zero(const R* given, R* gradient) const {
    if (given != nullptr)
      std::copy_n(given + first_, count_, gradient);
    else
      std::fill_n(gradient, count_, R(0));
  }

  /// Step t backward; `grad_outputs_` holds what came back from step t + 1.
  void adjoint(std::int64_t t) {
    if (grad_in_.outputs != nullptr)
      for (std::int64_t i = 0; i < count_; ++i) grad_outputs_[i] += grad_in_.outputs[at(t) + i];
    R* const learnables = in_.program.learnables > 0 ? grad_learnables_ : nullptr;
    in_.program.kernels.adjoint(in_.program.params, in_.program.slope,
                                {replay_.before(t), currents_ + at(t), grad_outputs_, grad_state_,
                                 grad_out_.x + at(t), learnables, count_, stride_});
  }

  void store_gradients(double* grad_learnables) const {
    if (grad_out_.output != nullptr) std::copy_n(grad_outputs_, count_, grad_out_.output + first_);
    for (int k = 0; k < in_.program.states; ++k)
      if (grad_out_.state[k] != nullptr)
        std::copy_n(grad_state_ + k * stride_, count_, grad_out_.state[k] + first_);
    for (std::int64_t i = 0; i < count_; ++i)
      for (int l = 0; l < in_.program.learnables; ++l)
        grad_learnables[i / in_.columns * in_.program.learnables + l] +=
            static_cast<double>(grad_learnables_[l * stride_ + i]);
  }

  const RecurrentInput<R>& in_;
  const R* const currents_;
  const RecurrentGradInput<R>& grad_in_;
  const RecurrentGradOutput<R>& grad_out_;
  const RowBlocks& blocks_;
  const std::int64_t stride_;
  Scratch<R> scratch_;
  Replay<R> replay_;
  R *const grad_state_, *const grad_learnables_, *const grad_outputs_;
  const std::int64_t chunks_;
  std::int64_t first_ = 0, count_ = 0;  // neurons of the block
};

template <class R>
void forward_cpu(Device, const RecurrentInput<R>& in, const RecurrentOutput<R>& out) {
  if (in.step() == 0) return;
  const RowBlocks blocks(in.rows);
  const auto run = [&](std::int64_t first, std::int64_t last) {
    RangeScratch scratch = scratch_for<R>(ForwardRows<R>::memory_elements(in, blocks));
    parallel_for(first, last, 1, [&](std::int64_t begin, std::int64_t end) {
      const FlushSubnormals flush;
      ForwardRows<R> pass(in, out, blocks, scratch.take<R>());
      for (std::int64_t b = begin; b < end; ++b) pass.run(b);
    });
  };
  piece_by_piece(
      in.pieces, blocks.count, in.step(),
      [&](std::int64_t b) { return blocks.first(b) * in.columns; }, run);
}

template <class R>
void backward_cpu(Device, const RecurrentInput<R>& in, const R* currents,
                  const RecurrentGradInput<R>& grad_in, const RecurrentGradOutput<R>& grad_out) {
  const int learnables = in.program.learnables;
  std::vector<double> shares(static_cast<std::size_t>(in.rows * learnables));
  if (in.step() > 0) {
    const RowBlocks blocks(in.rows);
    const auto cut = ReplayCut::of(in.program, in.steps, blocks.size * in.columns);
    const auto run = [&](std::int64_t first, std::int64_t last) {
      RangeScratch scratch = scratch_for<R>(BackwardRows<R>::memory_elements(in, cut));
      parallel_for(first, last, 1, [&](std::int64_t begin, std::int64_t end) {
        const FlushSubnormals flush;
        BackwardRows<R> pass(in, currents, grad_in, grad_out, blocks, cut, scratch.take<R>());
        for (std::int64_t b = begin; b < end; ++b)
          pass.run(b, shares.data() + blocks.first(b) * learnables);
      });
    };
    piece_by_piece(
        in.pieces, blocks.count, in.step(),
        [&](std::int64_t b) { return blocks.first(b) * in.columns; }, run);
  }
  if (grad_out.learnables == nullptr) return;
  std::fill_n(grad_out.learnables, learnables, 0.0);
  for (std::size_t i = 0; i < shares.size(); ++i)
    grad_out.learnables[i % static_cast<std::size_t>(learnables)] += shares[i];
}

}  // namespace

template <class R>
constinit DeviceKernels<RecurrentForwardKernel<R>> RecurrentKernels<R>::forward{.cpu =
                                                                                    forward_cpu<R>};
template <class R>
constinit DeviceKernels<RecurrentBackwardKernel<R>> RecurrentKernels<R>::backward{
    .cpu = backward_cpu<R>};

template struct RecurrentKernels<float>;
template struct RecurrentKernels<double>;

}  // namespace ranvier::neurons
