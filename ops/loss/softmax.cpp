#include "ranvier/ops/loss/softmax.h"

#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/core/parallel.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/loss/detail/log_sum.h"

namespace ranvier {
namespace {

using detail::Type;

/// Calls `body(row)` with the offset of each row of `x` in parallel.
template <class Body>
void for_each_row(const Tensor& x, Body body) {
  const std::int64_t classes = x.size(-1);
  if (classes == 0) return;
  parallel_for(0, x.numel() / classes, detail::grain_rows(classes),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t row = begin; row < end; ++row) body(row * classes);
               });
}

void check_input(const char* op, const Tensor& x) {
  RV_CHECK(x.rank() >= 1, "[{}] x needs an axis; got shape {}.", op, x.shape());
}

struct SoftmaxBackward final : Node {
  Saved y;
  const char* name() const override { return "SoftmaxBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    Tensor result = empty_like(y.get());
    detail::visit_real("softmax", result.dtype(), [&]<class R>(Type<R>) {
      const R *grad = grads[0].data<R>(), *prob = y.get().data<R>();
      R* out = result.mutable_data<R>();
      const std::int64_t classes = result.size(-1);
      for_each_row(result, [&](std::int64_t row) {
        const R *g = grad + row, *p = prob + row;
        double mean = 0;
        for (std::int64_t c = 0; c < classes; ++c) mean += static_cast<double>(g[c]) * p[c];
        for (std::int64_t c = 0; c < classes; ++c)
          out[row + c] = static_cast<R>(p[c] * (g[c] - mean));
      });
    });
    return {result};
  }
  void release() override { y.reset(); }
};

struct LogSoftmaxBackward final : Node {
  Saved y;
  const char* name() const override { return "LogSoftmaxBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    Tensor result = empty_like(y.get());
    detail::visit_real("log_softmax", result.dtype(), [&]<class R>(Type<R>) {
      const R *grad = grads[0].data<R>(), *log_prob = y.get().data<R>();
      R* out = result.mutable_data<R>();
      const std::int64_t classes = result.size(-1);
      for_each_row(result, [&](std::int64_t row) {
        const R *g = grad + row, *l = log_prob + row;
        double sum = 0;
        for (std::int64_t c = 0; c < classes; ++c) sum += g[c];
        for (std::int64_t c = 0; c < classes; ++c)
          out[row + c] = static_cast<R>(g[c] - std::exp(static_cast<double>(l[c])) * sum);
      });
    });
    return {result};
  }
  void release() override { y.reset(); }
};

template <class Backward>
Tensor recorded(const Tensor& x, Tensor y) {
  if (grad_needed({x})) {
    auto node = std::make_shared<Backward>();
    node->y = y;
    attach(std::move(node), {x}, {y});
  }
  return y;
}

}  // namespace

Tensor softmax(const Tensor& x) {
  check_input("softmax", x);
  Tensor y = empty_like(x);
  detail::visit_real("softmax", x.dtype(), [&]<class R>(Type<R>) {
    const R* in = x.data<R>();
    R* out = y.mutable_data<R>();
    const std::int64_t classes = x.size(-1);
    for_each_row(x, [&](std::int64_t row) {
      const double log_sum = detail::log_sum_exp(in + row, classes);
      for (std::int64_t c = 0; c < classes; ++c)
        out[row + c] = static_cast<R>(std::exp(in[row + c] - log_sum));
    });
  });
  return recorded<SoftmaxBackward>(x, y);
}

Tensor log_softmax(const Tensor& x) {
  check_input("log_softmax", x);
  Tensor y = empty_like(x);
  detail::visit_real("log_softmax", x.dtype(), [&]<class R>(Type<R>) {
    const R* in = x.data<R>();
    R* out = y.mutable_data<R>();
    const std::int64_t classes = x.size(-1);
    for_each_row(x, [&](std::int64_t row) {
      const double log_sum = detail::log_sum_exp(in + row, classes);
      for (std::int64_t c = 0; c < classes; ++c)
        out[row + c] = static_cast<R>(in[row + c] - log_sum);
    });
  });
  return recorded<LogSoftmaxBackward>(x, y);
}

}  // namespace ranvier
