#include "ranvier/distributed/collectives.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "ranvier/core/autocast.h"
#include "ranvier/core/partition.h"
#include "ranvier/core/tape.h"
#include "ranvier/distributed/detail/ordered_sum.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/shape_ops.h"
#include "ranvier/ops/shape/slice.h"

namespace ranvier {

Group::Group(Transport& transport, std::vector<int> ranks)
    : transport_(&transport), ranks_(std::move(ranks)) {
  for (std::size_t i = 0; i < ranks_.size(); ++i) {
    RV_CHECK(ranks_[i] >= 0 && ranks_[i] < transport.size(),
             "[group] there is no rank {}; the ranks are 0 to {}.", ranks_[i],
             transport.size() - 1);
    RV_CHECK(std::count(ranks_.begin(), ranks_.end(), ranks_[i]) == 1,
             "[group] rank {} is in the group more than once.", ranks_[i]);
  }
  const auto own = std::find(ranks_.begin(), ranks_.end(), transport.rank());
  RV_CHECK(own != ranks_.end(), "[group] rank {} is not a member of its own group.",
           transport.rank());
  index_ = static_cast<int>(own - ranks_.begin());
}

Group Group::all(Transport& transport) {
  std::vector<int> ranks(static_cast<std::size_t>(transport.size()));
  std::iota(ranks.begin(), ranks.end(), 0);
  return Group(transport, std::move(ranks));
}

void all_reduce(const Group& group, Tensor& values) {
  const DType dtype = values.dtype();
  RV_CHECK(dtype == DType::f32 || dtype == DType::f64 || dtype == DType::i64,
           "[all_reduce] needs f32, f64 or i64; got {}.", dtype);
  detail::OrderedSum sum(group, reshape(values.detach(), {values.numel()}), Channel::collective,
                         Channel::collective);
  sum.add_up(true);
  sum.collect(true);
}

namespace {

/// Sends each member `message(i)` and receives one of `shape(i)` from it; by index, its own among
/// them.
template <class Message, class ShapeOf>
std::vector<Tensor> exchange(const Group& group, Channel channel, const Message& message,
                             const ShapeOf& shape) {
  const Tensor own = message(group.index());
  std::vector<ToSend> sends;
  std::vector<Expected> expected;
  for (int i = 0; i < group.size(); ++i) {
    if (i == group.index()) continue;
    sends.push_back({group.rank(i), message(i)});
    expected.push_back({group.rank(i), shape(i), {.dtype = own.dtype(), .device = own.device()}});
  }
  std::vector<Tensor> all = group.transport().exchange(sends, expected, channel)->finish();
  all.insert(all.begin() + group.index(), own);
  return all;
}

/// Sends `values` to all and receives theirs, whose first axes have these `lengths`.
std::vector<Tensor> exchange(const Group& group, const Tensor& values,
                             const std::vector<std::int64_t>& lengths, Channel channel) {
  const Tensor own = clone(values);  // the caller may write to its array afterwards
  return exchange(
      group, channel, [&](int) { return own; },
      [&](int i) {
        return lengths.empty() ? own.shape()
                               : own.shape().with(0, lengths[static_cast<std::size_t>(i)]);
      });
}

}  // namespace

std::vector<Tensor> all_gather(const Group& group, const Tensor& values,
                               const std::vector<std::int64_t>& lengths) {
  RV_CHECK(lengths.empty() || lengths.size() == static_cast<std::size_t>(group.size()),
           "[all_gather] needs a length for each of {} members; got {}.", group.size(),
           lengths.size());
  RV_CHECK(lengths.empty() || (values.rank() > 0 &&
                               values.size(0) == lengths[static_cast<std::size_t>(group.index())]),
           "[all_gather] member {} has {} and should have {} along the first axis.", group.index(),
           values.shape(), lengths[static_cast<std::size_t>(group.index())]);
  return exchange(group, values, lengths, Channel::collective);
}

Tensor all_gather_parts(const Group& group, const Tensor& part, std::int64_t total) {
  const NoGradGuard no_grad;
  std::vector<std::int64_t> lengths;
  for (int i = 0; i < group.size(); ++i)
    lengths.push_back(Slice::of(total, i, group.size()).length());
  return concat(all_gather(group, part.detach(), lengths), 0);
}

Tensor reduce_scatter(const Group& group, const Tensor& values) {
  const NoGradGuard no_grad;
  const auto part = [&](int member) {
    const Slice of = Slice::of(values.size(0), member, group.size());
    return slice(values, 0, of.begin, of.end);
  };
  const Slice own = Slice::of(values.size(0), group.index(), group.size());
  const Shape shape = values.shape().with(0, own.length());
  const std::vector<Tensor> parts =
      exchange(group, Channel::collective, part, [&](int) { return shape; });
  Tensor sum = widened(parts[0]);
  for (std::size_t i = 1; i < parts.size(); ++i) sum = add(sum, widened(parts[i]));
  return sum.to(values.dtype());
}

void broadcast(const Group& group, Tensor& values, int root) {
  RV_CHECK(root >= 0 && root < group.size(), "[broadcast] root must be in [0, {}); got {}.",
           group.size(), root);
  // A binomial tree: with places counted from the root, place p has it of p without its highest
  // bit, and in round k the first 2^k places pass it on to the next 2^k.
  const int size = group.size(), place = (group.index() - root + size) % size;
  const auto rank_at = [&](int p) { return group.rank((p + root) % size); };
  Transport& transport = group.transport();
  Tensor message = place == 0 ? clone(values.detach()) : Tensor();
  for (int reached = 1; reached < size; reached *= 2) {
    if (place < reached && place + reached < size)
      transport.send(message, rank_at(place + reached), Channel::collective);
    if (place >= reached && place < 2 * reached)
      message =
          transport.receive(values.shape(), {.dtype = values.dtype(), .device = values.device()},
                            rank_at(place - reached), Channel::collective);
  }
  if (place != 0) copy_into(values, message);
}

std::vector<std::string> all_gather_text(const Group& group, const std::string& text) {
  std::vector<std::int64_t> own_length{static_cast<std::int64_t>(text.size())}, lengths;
  for (const Tensor& each : exchange(group, from_vector(own_length, {1}), {}, Channel::control))
    lengths.push_back(each.data<std::int64_t>()[0]);
  Tensor bytes = empty({own_length[0]}, {.dtype = DType::u8});
  std::memcpy(bytes.mutable_raw_data(), text.data(), text.size());
  std::vector<std::string> texts;
  for (const Tensor& each : exchange(group, bytes, lengths, Channel::control))
    texts.emplace_back(reinterpret_cast<const char*>(each.raw_data()),
                       static_cast<std::size_t>(each.nbytes()));
  return texts;
}

void barrier(const Group& group) {
  exchange(group, empty({0}, {.dtype = DType::u8}), {}, Channel::control);
}

}  // namespace ranvier
