// Delays on the CPU. A task takes some columns through all of time, in a window of the latest steps
// that lies in cache, from which vectors are gathered. Backward is the same walk from the end.
#include <algorithm>

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/scratch.h"
#include "ranvier/ops/sequence/detail/delay_kernels.h"

namespace ranvier::delay_detail {
namespace {

using ranvier::detail::Type;

constexpr const char* op = "delay";
constexpr std::int64_t block = 128;       // columns of a task
constexpr std::int64_t grain = 1 << 14;   // values of a task, at least
constexpr std::int64_t least_fresh = 32;  // steps that a window takes in at once, at least

template <class R>
const Kernels<R>& kernels() {
  return pick_isa(isa_v2::kernels<R>(), isa_v3::kernels<R>(), isa_v4::kernels<R>());
}

std::int64_t columns_of(const Tensor& sequence) {
  return sequence.shape().sub(1, sequence.rank()).numel();
}

/// Columns [first, first + width) and their window, in scratch memory.
template <class R>
class Block {
 public:
  static std::size_t bytes(std::int64_t most) {
    const std::int64_t rows = most + fresh_steps(most) + 3;  // and near, far, last
    return static_cast<std::size_t>(block) * (static_cast<std::size_t>(rows) * sizeof(R) + 4);
  }

  Block(R* scratch, const Delays& delays, std::int64_t first, std::int64_t width)
      : most_(delays.most),
        width_(width),
        near_(scratch),
        far_(near_ + block),
        last_(far_ + block),
        window_(last_ + block),
        at_(reinterpret_cast<std::int32_t*>(window_ + (most_ + fresh_steps(most_)) * block)) {
    const R* const delay = delays.steps.data<R>();
    for (std::int64_t i = 0; i < width; ++i) {
      const auto tap = tap_of(delay[(first + i) % delays.steps.numel()], most_, delays.rounded);
      near_[i] = tap.near;
      far_[i] = tap.far;
      at_[i] = static_cast<std::int32_t>(i - tap.whole * width);
    }
  }

  Columns<R> columns() const {
    return {static_cast<std::int32_t>(width_), at_, near_, far_, last_};
  }
  /// out = start + what is delayed to `row`; null: from 0.
  void shift(const R* start, const R* row, R* out) const {
    copy(start, out);
    kernels<R>().add_shifted(columns(), row, out);
  }
  /// Goes past `row`, to which nothing has to be delayed: the far values of the step after are
  /// here.
  void pass(const R* row) const {
    for (std::int64_t i = 0; i < width_; ++i) last_[i] = row[at_[i]];
  }

  /// Calls `body(k, row)` for the steps k in [0, steps), with rows of the window ahead of which
  /// those of the steps before lie, to be handed to one kernel each. `row_of(k)`, for k >= -most,
  /// is where a step's values are; null: zeros.
  template <class RowOf, class Body>
  void walk(std::int64_t steps, RowOf row_of, Body body) {
    const std::int64_t fresh = fresh_steps(most_);
    for (std::int64_t k = -most_; k < 0; ++k) put(most_ + k, row_of(k));
    pass(window_ + (most_ - 1) * width_);
    for (std::int64_t begin = 0; begin < steps; begin += fresh) {
      if (begin > 0) std::copy_n(window_ + fresh * width_, most_ * width_, window_);
      const std::int64_t end = std::min(begin + fresh, steps);
      for (std::int64_t k = begin; k < end; ++k) put(most_ + k - begin, row_of(k));
      for (std::int64_t k = begin; k < end; ++k) body(k, window_ + (most_ + k - begin) * width_);
    }
  }

 private:
  static std::int64_t fresh_steps(std::int64_t most) { return std::max(most, least_fresh); }

  void put(std::int64_t at, const R* row) { copy(row, window_ + at * width_); }
  void copy(const R* row, R* to) const {
    if (row == nullptr)
      std::fill_n(to, width_, R(0));
    else
      std::copy_n(row, width_, to);
  }

  std::int64_t most_, width_;
  R *near_, *far_, *last_, *window_;
  std::int32_t* at_;
};

/// Calls `body(block, first)` for blocks of the columns of `sequence` [T, ...].
template <class R, class Body>
void for_each_block(const Tensor& sequence, const Delays& delays, Body body) {
  const std::int64_t columns = columns_of(sequence);
  RangeScratch scratch(Block<R>::bytes(delays.most));
  const std::int64_t blocks = (columns + block - 1) / block;
  const std::int64_t at_once = std::max<std::int64_t>(1, grain / (block * (1 + sequence.size(0))));
  parallel_for(0, blocks, at_once, [&](std::int64_t begin, std::int64_t end) {
    R* const memory = scratch.take<R>();
    for (std::int64_t first = begin * block; first < end * block; first += block)
      body(Block<R>(memory, delays, first, std::min(block, columns - first)), first);
  });
}

/// The rows of a sequence [T, ...] and of the steps before it, from a column on.
template <class R>
struct Rows {
  const R *x, *state;  // state may be null
  std::int64_t most, columns;

  Rows(const Tensor& sequence, const Tensor& before, const Delays& delays)
      : x(sequence.data<R>()),
        state(before.defined() ? before.data<R>() : nullptr),
        most(delays.most),
        columns(columns_of(sequence)) {}
  const R* operator()(std::int64_t t, std::int64_t column) const {
    if (t >= 0) return x + t * columns + column;
    return state == nullptr ? nullptr : state + (most + t) * columns + column;
  }
};

void delay_cpu(const Tensor& x, const Tensor& state, const Delays& delays, Tensor& y) {
  ranvier::detail::visit_real(op, x.dtype(), [&]<class R>(Type<R>) {
    const Rows<R> rows(x, state, delays);
    R* const out = y.mutable_data<R>();
    for_each_block<R>(x, delays, [&](Block<R> columns, std::int64_t first) {
      columns.walk(
          x.size(0), [&](std::int64_t t) { return rows(t, first); },
          [&](std::int64_t t, const R* row) {
            columns.shift(nullptr, row, out + t * rows.columns + first);
          });
    });
  });
}

void input_gradient_cpu(const Tensor& grad, const Tensor& grad_after, const Delays& delays,
                        Tensor& grad_x, Tensor& grad_state) {
  ranvier::detail::visit_real(op, grad.dtype(), [&]<class R>(Type<R>) {
    const std::int64_t steps = grad.size(0), size = columns_of(grad), most = delays.most;
    const R* const g = grad.data<R>();
    const R* const after = grad_after.defined() ? grad_after.data<R>() : nullptr;
    R* const gx = grad_x.defined() ? grad_x.mutable_data<R>() : nullptr;
    R* const before = grad_state.defined() ? grad_state.mutable_data<R>() : nullptr;
    for_each_block<R>(grad, delays, [&](Block<R> columns, std::int64_t first) {
      columns.walk(
          before == nullptr ? steps : steps + most,
          [&](std::int64_t k) {
            const std::int64_t t = steps - 1 - k;
            return t >= 0 && t < steps ? g + t * size + first : nullptr;
          },
          [&](std::int64_t k, const R* row) {
            const std::int64_t t = steps - 1 - k, in_state = most - 1 - k;
            R* const out = t >= 0 ? gx : before;
            if (out == nullptr) return columns.pass(row);
            columns.shift(after && in_state >= 0 ? after + in_state * size + first : nullptr, row,
                          out + (t >= 0 ? t : most + t) * size + first);
          });
    });
  });
}

Tensor gradient_cpu(const Tensor& grad, const Tensor& x, const Tensor& state,
                    const Delays& delays) {
  return ranvier::detail::visit_real(op, x.dtype(), [&]<class R>(Type<R>) {
    const Rows<R> rows(x, state, delays);
    const R* const g = grad.data<R>();
    // A sum for each column, which add up to those of the channels.
    Tensor parts =
        zeros({x.shape().sub(1, x.rank() - 1).numel(), x.size(-1)}, {.dtype = DType::f64});
    double* const sums = parts.mutable_data<double>();
    for_each_block<R>(x, delays, [&](Block<R> columns, std::int64_t first) {
      columns.walk(
          x.size(0), [&](std::int64_t t) { return rows(t, first); },
          [&](std::int64_t t, const R* row) {
            kernels<R>().add_slopes(columns.columns(), row, g + t * rows.columns + first,
                                    sums + first);
          });
    });
    return parts;
  });
}

}  // namespace

constinit DeviceKernels<DelayKernel> delay_kernels{.cpu = delay_cpu};
constinit DeviceKernels<DelayInputGradientKernel> delay_input_gradient_kernels{
    .cpu = input_gradient_cpu};
constinit DeviceKernels<DelayGradientKernel> delay_gradient_kernels{.cpu = gradient_cpu};

}  // namespace ranvier::delay_detail
