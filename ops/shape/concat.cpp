#include "ranvier/ops/shape/concat.h"

#include "ranvier/core/activity.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/shape/detail/copy_kernels.h"
#include "ranvier/ops/shape/detail/layout.h"
#include "ranvier/ops/shape/shape_ops.h"
#include "ranvier/ops/shape/slice.h"

namespace ranvier {
namespace {

struct ConcatBackward final : Node {
  ConcatBackward(int along, std::vector<std::int64_t> part_extents)
      : axis(along), extents(std::move(part_extents)) {}
  int axis;
  std::vector<std::int64_t> extents;

  const char* name() const override { return "ConcatBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    std::vector<Tensor> pieces;
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < extents.size(); begin += extents[i++])
      pieces.push_back(needs(static_cast<int>(i)) ? slice(grads[0], axis, begin, begin + extents[i])
                                                  : Tensor());
    return pieces;
  }
};

void require_alike(const char* op, const Tensor& first, const Tensor& part, std::size_t i) {
  RV_CHECK(part.dtype() == first.dtype() && part.device() == first.device(),
           "[{}] parts must share dtype and device; part 0 is {} on {}, part {} is {} on {}.", op,
           first.dtype(), first.device(), i, part.dtype(), part.device());
}

}  // namespace

Tensor concat(const std::vector<Tensor>& parts, int axis) {
  const OperationScope operation("concat");
  RV_CHECK(!parts.empty(), "[concat] needs at least one tensor; got none.");
  const Tensor& first = parts.front();
  RV_CHECK(axis >= -first.rank() && axis < first.rank(), "[concat] axis {} is out of range for {}.",
           axis, first.shape());
  axis = first.shape().normalise_axis(axis);
  detail::require_whole_rows("concat", first, axis);
  std::vector<std::int64_t> extents;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    require_alike("concat", first, parts[i], i);
    RV_CHECK(parts[i].rank() == first.rank() &&
                 parts[i].shape().with(axis, first.size(axis)) == first.shape(),
             "[concat] parts must agree but for axis {}; part 0 is {}, part {} is {}.", axis,
             first.shape(), i, parts[i].shape());
    extents.push_back(parts[i].size(axis));
    total += extents.back();
  }
  const auto copy = kernel_for("concat", first.device(), detail::row_copy_kernels);
  Tensor y =
      empty(first.shape().with(axis, total), {.dtype = first.dtype(), .device = first.device()});
  const std::int64_t step = detail::layout_of(y.shape(), y.dtype()).stride(axis);
  std::byte* out = y.mutable_raw_data();
  for (const Tensor& part : parts) {
    const std::int64_t bytes = part.size(axis) * step;
    copy("concat", y.device(),
         {.rows = y.shape().sub(0, axis).numel(),
          .bytes = bytes,
          .to_stride = total * step,
          .from_stride = bytes},
         out, part.raw_data());
    out += bytes;
  }
  if (grad_needed(parts)) {
    const std::vector<Tensor> outputs{y};
    attach(std::make_shared<ConcatBackward>(axis, std::move(extents)), parts, outputs);
  }
  return y;
}

Tensor stack(const std::vector<Tensor>& parts, int axis) {
  RV_CHECK(!parts.empty(), "[stack] needs at least one tensor; got none.");
  const Tensor& first = parts.front();
  const int rank = first.rank() + 1, place = axis < 0 ? axis + rank : axis;
  RV_CHECK(place >= 0 && place < rank, "[stack] axis {} is out of range for {} and a new axis.",
           axis, first.shape());
  RV_CHECK(first.dtype() != DType::bits || place < rank - 1,
           "[stack] packed spikes work along leading axes only; got axis {} after {}.", axis,
           first.shape());
  std::vector<Tensor> slabs;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    require_alike("stack", first, parts[i], i);
    RV_CHECK(parts[i].shape() == first.shape(),
             "[stack] parts must have one shape; part 0 is {}, part {} is {}.", first.shape(), i,
             parts[i].shape());
    slabs.push_back(reshape(parts[i], first.shape().sub(0, place).concat({1}).concat(
                                          first.shape().sub(place, rank - 1))));
  }
  return concat(slabs, place);
}

}  // namespace ranvier
