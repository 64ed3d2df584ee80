#include <algorithm>

#include "ranvier/core/tape.h"
#include "ranvier/distributed/collectives.h"
#include "ranvier/distributed/detail/ordered_sum.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/shape_ops.h"
#include "ranvier/ops/shape/slice.h"

namespace ranvier {

struct AllReduce::Bucket {
  std::vector<Tensor> arrays;
  detail::OrderedSum sum;

  void hand_out() {
    if (arrays.size() == 1) return;  // it was added up where it lies
    std::int64_t begin = 0;
    for (Tensor& array : arrays) {
      const Tensor part = slice(sum.values(), 0, begin, begin + array.numel());
      copy_into(array, reshape(part, array.shape()));
      begin += array.numel();
    }
  }
};

AllReduce::AllReduce(const Group& group, std::int64_t bucket_bytes)
    : group_(group), bucket_bytes_(bucket_bytes) {
  RV_CHECK(bucket_bytes > 0, "[all_reduce] bucket_bytes must be > 0; got {}.", bucket_bytes);
}

AllReduce::~AllReduce() = default;

void AllReduce::add(Tensor values) {
  RV_CHECK(values.dtype() == DType::f32 || values.dtype() == DType::f64,
           "[all_reduce] buckets hold f32 or f64; got {}.", values.dtype());
  const bool fits = gathering_.empty() || gathering_.front().dtype() == values.dtype();
  const bool large = values.nbytes() >= bucket_bytes_;  // is best alone, see below
  if (large || !fits) launch();
  gathered_bytes_ += values.nbytes();
  gathering_.push_back(values.detach());
  if (gathered_bytes_ >= bucket_bytes_) launch();
  advance(false);
}

void AllReduce::launch() {
  if (gathering_.empty()) return;
  const NoGradGuard no_grad;
  std::vector<Tensor> flat;
  for (const Tensor& array : gathering_) flat.push_back(flatten(array));
  // An array that is alone is added up where it lies.
  Tensor values = flat.size() == 1 ? flat[0] : concat(flat);
  under_way_.push_back(
      {std::move(gathering_), {group_, std::move(values), Channel::addend, Channel::sum}});
  gathering_.clear();
  gathered_bytes_ = 0;
}

// Messages of one channel arrive in order, so buckets are added up, and taken back, in order.
void AllReduce::advance(bool wait) {
  const NoGradGuard no_grad;
  for (Bucket& bucket : under_way_)
    if (!bucket.sum.add_up(wait)) break;
  std::size_t done = 0;
  for (; done < under_way_.size() && under_way_[done].sum.collect(wait); ++done)
    under_way_[done].hand_out();
  under_way_.erase(under_way_.begin(), under_way_.begin() + static_cast<std::ptrdiff_t>(done));
}

void AllReduce::finish() {
  launch();
  advance(true);
}

}  // namespace ranvier
