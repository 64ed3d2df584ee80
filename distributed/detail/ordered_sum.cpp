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
    : group_(group), values_(std::move(values)), sums_channel_(sums) {
  std::vector<ToSend> mine;
  std::vector<Expected> theirs;
  for (int other = 0; other < group_.size(); ++other) {
    if (other == group_.index()) continue;
    if (slice(other).numel() > 0) mine.push_back({group_.rank(other), slice(other)});
    if (slice(group_.index()).numel() > 0) theirs.push_back(expected(other, group_.index()));
  }
  addends_ = group_.transport().exchange(mine, std::move(theirs), addends);
}

Tensor OrderedSum::slice(int owner) const {
  const std::int64_t count = values_.numel(), size = group_.size();
  return ranvier::slice(values_, 0, count * owner / size, count * (owner + 1) / size);
}

Expected OrderedSum::expected(int member, int owner) const {
  return {group_.rank(member),
          slice(owner).shape(),
          {.dtype = values_.dtype(), .device = values_.device()}};
}

bool OrderedSum::add_up(bool wait) {
  if (!addends_) return true;
  if (!wait && !addends_->ready()) return false;
  const NoGradGuard no_grad;
  send_sum(addends_->finish());
  addends_.reset();
  return true;
}

// `addends` are of the others in the order of the group; none if there is nothing to add up.
void OrderedSum::send_sum(std::vector<Tensor> addends) {
  Tensor mine = slice(group_.index());
  std::vector<ToSend> sends;
  if (!addends.empty()) {
    addends.insert(addends.begin() + group_.index(), mine);
    Tensor sum = addends[0];
    for (std::size_t i = 1; i < addends.size(); ++i) sum = sum_of(sum, addends[i]);
    copy_into(mine, sum);
    // Not `mine`: the caller may write to its array before the others have received the sum.
    for (int other = 0; other < group_.size(); ++other)
      if (other != group_.index()) sends.push_back({group_.rank(other), sum});
  }
  std::vector<Expected> others;
  for (const int other : others_with_slices()) others.push_back(expected(other, other));
  sums_ = group_.transport().exchange(sends, std::move(others), sums_channel_);
}

std::vector<int> OrderedSum::others_with_slices() const {
  std::vector<int> members;
  for (int other = 0; other < group_.size(); ++other)
    if (other != group_.index() && slice(other).numel() > 0) members.push_back(other);
  return members;
}

bool OrderedSum::collect(bool wait) {
  if (addends_) return false;  // others' sums may come before their addends
  if (!sums_) return true;
  if (!wait && !sums_->ready()) return false;
  const std::vector<Tensor> sums = sums_->finish();
  sums_.reset();
  const std::vector<int> members = others_with_slices();
  for (std::size_t i = 0; i < members.size(); ++i) {
    Tensor target = slice(members[i]);
    copy_into(target, sums[i]);
  }
  return true;
}

}  // namespace ranvier::detail
