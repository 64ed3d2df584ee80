#include "ranvier/ops/sequence/readout.h"

#include <algorithm>
#include <iterator>

#include "ranvier/core/activity.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/scratch.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/reduce/detail/reduce_kernels.h"
#include "ranvier/ops/sequence/detail/lengths.h"
#include "ranvier/ops/sequence/detail/sequence_kernels.h"

namespace ranvier {
namespace {

constexpr const char* names[] = {"sum", "mean", "last", "max"};

/// [steps, batch, inner], of which the first `length[b]` steps of sample b count.
struct Sequences {
  std::int64_t steps, batch, inner;
  const std::int64_t* length;  // null: all

  std::int64_t own_steps(std::int64_t b) const { return length == nullptr ? steps : length[b]; }
  std::int64_t at(std::int64_t t, std::int64_t b) const { return (t * batch + b) * inner; }
  std::int64_t samples_per_task() const {
    return 1 + (1 << 14) / std::max<std::int64_t>(1, steps * inner);
  }
};

// Adds in f64 in the order of time, so that padding cannot change how sums are cut.
template <class T>
void add_steps(const Sequences& s, bool mean, const T* x, T* y) {
  RangeScratch sums(static_cast<std::size_t>(s.inner) * sizeof(double));
  parallel_for(0, s.batch, s.samples_per_task(), [&](std::int64_t begin, std::int64_t end) {
    double* const sum = sums.take<double>();
    for (std::int64_t b = begin; b < end; ++b) {
      std::fill_n(sum, s.inner, 0.0);
      for (std::int64_t t = 0; t < s.own_steps(b); ++t)
        for (std::int64_t i = 0; i < s.inner; ++i) sum[i] += static_cast<double>(x[s.at(t, b) + i]);
      const double divisor = mean ? static_cast<double>(s.own_steps(b)) : 1;
      for (std::int64_t i = 0; i < s.inner; ++i)
        y[b * s.inner + i] = static_cast<T>(sum[i] / divisor);
    }
  });
}

/// `step[b, i]` is where the value was found.
template <class T>
void largest_steps(const Sequences& s, const T* x, T* y, std::int64_t* step) {
  parallel_for(0, s.batch, s.samples_per_task(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      T* const best = y + b * s.inner;
      std::int64_t* const where = step + b * s.inner;
      std::copy_n(x + s.at(0, b), s.inner, best);
      std::fill_n(where, s.inner, 0);
      for (std::int64_t t = 1; t < s.own_steps(b); ++t)
        for (std::int64_t i = 0; i < s.inner; ++i) {
          const T value = x[s.at(t, b) + i];
          if (detail::beats<detail::Extremum::largest>(value, best[i])) {
            best[i] = value;
            where[i] = t;
          }
        }
    }
  });
}

template <class T>
void last_steps(const Sequences& s, const T* x, T* y) {
  for (std::int64_t b = 0; b < s.batch; ++b)
    std::copy_n(x + s.at(s.own_steps(b) - 1, b), s.inner, y + b * s.inner);
}

/// Gradient of x; `step` as `largest_steps` left it.
template <class T>
void spread(const Sequences& s, Readout readout, const T* gy, const std::int64_t* step, T* gx) {
  parallel_for(0, s.steps, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t)
      for (std::int64_t b = 0; b < s.batch; ++b) {
        const T* const g = gy + b * s.inner;
        T* const out = gx + s.at(t, b);
        const std::int64_t own = s.own_steps(b);
        if (t >= own || (readout == Readout::last && t != own - 1))
          std::fill_n(out, s.inner, T{0});
        else if (readout == Readout::max)
          for (std::int64_t i = 0; i < s.inner; ++i)
            out[i] = step[b * s.inner + i] == t ? g[i] : T{0};
        else if (readout == Readout::mean)
          for (std::int64_t i = 0; i < s.inner; ++i) out[i] = g[i] / static_cast<T>(own);
        else
          std::copy_n(g, s.inner, out);
      }
  });
}

/// x [T, B, ...] and `lengths` as the loops see them.
Sequences sequences_of(const Tensor& x, const Tensor& lengths) {
  return {x.size(0), x.size(1), x.shape().sub(2, x.rank()).numel(),
          lengths.defined() ? lengths.data<std::int64_t>() : nullptr};
}

void read_out_cpu(Readout readout, const Tensor& x, const Tensor& lengths, Tensor& y,
                  Tensor& found) {
  const Sequences s = sequences_of(x, lengths);
  detail::visit_real("read_out", x.dtype(), [&]<class T>(detail::Type<T>) {
    const T* const in = x.data<T>();
    T* const out = y.mutable_data<T>();
    if (readout == Readout::max)
      largest_steps(s, in, out, found.mutable_data<std::int64_t>());
    else if (readout == Readout::last)
      last_steps(s, in, out);
    else
      add_steps(s, readout == Readout::mean, in, out);
  });
}

void read_out_backward_cpu(Readout readout, const Tensor& grad, const Tensor& lengths,
                           const Tensor& found, Tensor& result) {
  const Sequences s = sequences_of(result, lengths);
  const auto* const step = found.defined() ? found.data<std::int64_t>() : nullptr;
  detail::visit_real("read_out", result.dtype(), [&]<class T>(detail::Type<T>) {
    spread(s, readout, grad.data<T>(), step, result.mutable_data<T>());
  });
}

}  // namespace

namespace detail {
constinit DeviceKernels<ReadOutKernel> read_out_kernels{.cpu = read_out_cpu};
constinit DeviceKernels<ReadOutBackwardKernel> read_out_backward_kernels{.cpu =
                                                                             read_out_backward_cpu};
}  // namespace detail

namespace {

struct ReadOutBackward final : Node {
  Readout readout = Readout::sum;
  Shape shape;
  Saved lengths, found;  // found: of `max`

  const char* name() const override { return "ReadOutBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const auto get = [](const Saved& saved) { return saved.defined() ? saved.get() : Tensor(); };
    Tensor gx = empty(shape, {.dtype = grads[0].dtype(), .device = grads[0].device()});
    kernel_for("read_out", gx.device(), detail::read_out_backward_kernels)(
        readout, grads[0], get(lengths), get(found), gx);
    return {gx};
  }
  void release() override {
    lengths.reset();
    found.reset();
  }
};

}  // namespace

const char* name(Readout readout) { return names[static_cast<int>(readout)]; }

Readout readout_named(std::string_view name) {
  const auto* const found = std::find(std::begin(names), std::end(names), name);
  RV_CHECK(found != std::end(names), "[readout] '{}' is none of sum, mean, last, max.", name);
  return static_cast<Readout>(found - std::begin(names));
}

Tensor read_out(Readout readout, const Tensor& given, const Tensor& lengths) {
  const OperationScope operation("read_out");
  const Tensor x = widened(given);
  RV_CHECK(x.rank() >= 2 && x.size(0) >= 1,
           "[read_out] x must be [T, B, ...] with T >= 1; its shape is {}.", x.shape());
  if (lengths.defined()) detail::check_lengths("read_out", lengths, x.size(0), x.size(1));
  const Shape shape = x.shape().sub(1, x.rank());
  const Device device = x.device();
  Tensor y = empty(shape, {.dtype = x.dtype(), .device = device});
  Tensor found =
      readout == Readout::max ? empty(shape, {.dtype = DType::i64, .device = device}) : Tensor();
  kernel_for("read_out", device, detail::read_out_kernels)(readout, x, lengths, y, found);
  if (grad_needed({x})) {
    auto node = std::make_shared<ReadOutBackward>();
    node->readout = readout;
    node->shape = x.shape();
    node->lengths = lengths;
    node->found = found;
    attach(std::move(node), {x}, {y});
  }
  return y;
}

}  // namespace ranvier
