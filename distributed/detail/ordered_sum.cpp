#include "ranvier/distributed/detail/ordered_sum.h"

#include "ranvier/core/parallel.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/shape/slice.h"

namespace ranvier::detail {
namespace {

Tensor sum_of(const Tensor& a, const Tensor& b) {
  if (a.dtype() != DType::i64) return add(a, b);
  const Tensor left = a.to(cpu_device), right = b.to(cpu_device);
  Tensor result = empty_like(left);
  const auto* const x = left.data<std::int64_t>();
  const auto* const y = right.data<std::int64_t>();
  auto* const out = result.mutable_data<std::int64_t>();
  // Unsigned: a sum that does not fit wraps round, as in any order of addition.
  for (std::int64_t i = 0; i < result.numel(); ++i)
    out[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(x[i]) +
                                       static_cast<std::uint64_t>(y[i]));
  return result.to(a.device());
}

}  // namespace

OrderedSum::OrderedSum(const Group& group, Tensor values, Channel addends, Channel sums)
    : group_(group), values_(std::move(values)), addends_(addends), sums_(sums) {
  for (int owner = 0; owner < group_.size(); ++owner) {
    const Tensor mine = slice(owner);
    if (owner != group_.index() && mine.numel() > 0)
      group_.transport().send(mine, group_.rank(owner), addends_);
  }
}

Tensor OrderedSum::slice(int owner) const {
  const std::int64_t count = values_.numel(), size = group_.size();
  return ranvier::slice(values_, 0, count * owner / size, count * (owner + 1) / size);
}

bool OrderedSum::ready(int member, Channel channel, bool wait) const {
  return wait || group_.transport().arrived(group_.rank(member), channel);
}

Tensor OrderedSum::receive_slice(int member, int owner, Channel channel) const {
  return group_.transport().receive(slice(owner).shape(),
                                    {.dtype = values_.dtype(), .device = values_.device()},
                                    group_.rank(member), channel);
}

bool OrderedSum::add_up(bool wait) {
  if (next_addend_ == group_.size()) return true;
  const NoGradGuard no_grad;
  Tensor mine = slice(group_.index());
  if (mine.numel() == 0 || group_.size() == 1) {
    next_addend_ = group_.size();
    return true;
  }
  for (; next_addend_ < group_.size(); ++next_addend_) {
    const bool own = next_addend_ == group_.index();
    if (!own && !ready(next_addend_, addends_, wait)) return false;
    const Tensor addend = own ? mine : receive_slice(next_addend_, group_.index(), addends_);
    sum_ = sum_.defined() ? sum_of(sum_, addend) : addend;
  }
  copy_into(mine, sum_);
  // Not `mine`: the caller may write to its array before the others have received the sum.
  for (int member = 0; member < group_.size(); ++member)
    if (member != group_.index()) group_.transport().send(sum_, group_.rank(member), sums_);
  return true;
}

bool OrderedSum::collect(bool wait) {
  if (next_addend_ < group_.size()) return false;  // others' sums may come before their addends
  for (; next_sum_ < group_.size(); ++next_sum_) {
    Tensor target = slice(next_sum_);
    if (next_sum_ == group_.index() || target.numel() == 0) continue;
    if (!ready(next_sum_, sums_, wait)) return false;
    copy_into(target, receive_slice(next_sum_, next_sum_, sums_));
  }
  return true;
}

}  // namespace ranvier::detail
