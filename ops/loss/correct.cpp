#include <algorithm>

#include "ranvier/core/autocast.h"
#include "ranvier/core/detail/visit_dtype.h"
#include "ranvier/ops/loss/detail/labels.h"
#include "ranvier/ops/loss/detail/loss_kernels.h"
#include "ranvier/ops/loss/loss.h"

namespace ranvier {
namespace {

std::int64_t correct_rows(const Tensor& scores, const Tensor& labels) {
  const std::int64_t batch = scores.size(0), classes = scores.size(1);
  const auto* label = labels.data<std::int64_t>();
  std::int64_t correct = 0;
  detail::visit_real("correct", scores.dtype(), [&]<class R>(detail::Type<R>) {
    const R* row = scores.data<R>();
    for (std::int64_t i = 0; i < batch; ++i, row += classes)
      correct += std::max_element(row, row + classes) - row == label[i];
  });
  return correct;
}

void correct_cpu(const Tensor& scores, const Tensor& labels, Tensor& count) {
  *count.mutable_data<std::int64_t>() = correct_rows(scores, labels);
}

void add_to_totals_cpu(const Tensor& loss, const Tensor& scores, const Tensor& labels,
                       Tensor& totals) {
  auto* const total = totals.mutable_data<double>();
  total[0] += static_cast<double>(scores.size(0)) * loss.item();
  total[1] += static_cast<double>(correct_rows(scores, labels));
}

void check(const char* op, const Tensor& scores, const Tensor& labels) {
  detail::check_scores(op, "scores", scores);
  detail::check_labels(op, labels, scores.size(0), scores.size(1));
}

}  // namespace

namespace detail {
constinit DeviceKernels<CorrectKernel> correct_kernels{.cpu = correct_cpu};
constinit DeviceKernels<AddToTotalsKernel> add_to_totals_kernels{.cpu = add_to_totals_cpu};
}  // namespace detail

Tensor correct(const Tensor& given, const Tensor& labels) {
  const Tensor scores = widened(given);
  check("correct", scores, labels);
  Tensor count = empty({}, {.dtype = DType::i64, .device = scores.device()});
  kernel_for("correct", scores.device(), detail::correct_kernels)(scores, labels, count);
  return count;
}

void add_to_totals(const Tensor& loss, const Tensor& given, const Tensor& labels, Tensor& totals) {
  constexpr const char* op = "add_to_totals";
  const Tensor scores = widened(given);
  check(op, scores, labels);
  RV_CHECK(loss.numel() == 1 && loss.dtype() == scores.dtype(),
           "[add_to_totals] the loss must be one {} as the scores are; got {} {}.", scores.dtype(),
           loss.dtype(), loss.shape());
  RV_CHECK(totals.shape() == Shape{2} && totals.dtype() == DType::f64,
           "[add_to_totals] totals must be f64 (2,); got {} {}.", totals.dtype(), totals.shape());
  kernel_for(op, scores.device(), detail::add_to_totals_kernels)(loss, scores, labels, totals);
}

std::int64_t count_correct(const Tensor& scores, const Tensor& labels) {
  return *correct(scores, labels).to(cpu_device).data<std::int64_t>();
}

}  // namespace ranvier
