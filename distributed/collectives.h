// What several ranks do together. All ranks of a group call the same functions in the same order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ranvier/core/tensor.h"
#include "ranvier/distributed/transport.h"

namespace ranvier {

/// Some ranks of a transport, this one among them, in a fixed order.
class Group {
 public:
  /// `ranks` by rising index in the group. Errors: this rank is not among them; one is there twice.
  Group(Transport& transport, std::vector<int> ranks);
  /// All ranks of `transport`.
  static Group all(Transport& transport);

  int size() const { return static_cast<int>(ranks_.size()); }
  /// Of this rank in the group.
  int index() const { return index_; }
  /// In the transport, of the group's member `index`.
  int rank(int index) const { return ranks_[static_cast<std::size_t>(index)]; }
  Transport& transport() const { return *transport_; }

 private:
  Transport* transport_;
  std::vector<int> ranks_;
  int index_ = 0;
};

/// Adds up `values` (f32, f64 or i64) of all members, in the order of the group, in place: every
/// member has the same bits afterwards, whatever the transport. Each member sends
/// 2 (size - 1) / size of the array.
void all_reduce(const Group& group, Tensor& values);

/// The arrays of all members, by index. They may differ along the first axis, whose extents
/// `lengths` gives by index (empty: all are as this one's).
std::vector<Tensor> all_gather(const Group& group, const Tensor& values,
                               const std::vector<std::int64_t>& lengths = {});

/// An array [total, ...] of which each member has the part that `Slice::of` gives it, whole.
Tensor all_gather_parts(const Group& group, const Tensor& part, std::int64_t total);

/// Adds up `values` [n, ...] of all members, in the order of the group, 16-bit floats in f32: the
/// part of the sum that `Slice::of` gives this member.
Tensor reduce_scatter(const Group& group, const Tensor& values);

/// Overwrites `values` with those of member `root`.
void broadcast(const Group& group, Tensor& values, int root = 0);

/// Texts of any length of all members, by index.
std::vector<std::string> all_gather_text(const Group& group, const std::string& text);

/// Returns once every member has called it.
void barrier(const Group& group);

/// Several arrays added up over a group while other work goes on: `add` what is complete, and
/// `finish` when the sums are needed. Arrays are put together in buckets of about `bucket_bytes`.
/// Same sums as `all_reduce` of each array.
class AllReduce {
 public:
  static constexpr std::int64_t default_bucket_bytes = 4 << 20;

  explicit AllReduce(const Group& group, std::int64_t bucket_bytes = default_bucket_bytes);
  ~AllReduce();
  AllReduce(const AllReduce&) = delete;
  AllReduce& operator=(const AllReduce&) = delete;

  /// Hands over an f32 or f64 array, which is overwritten by `finish` at the latest. All members
  /// add the same arrays in the same order.
  void add(Tensor values);
  /// Waits for all sums.
  void finish();

 private:
  struct Bucket;
  void launch();
  void advance(bool wait);

  Group group_;
  std::int64_t bucket_bytes_, gathered_bytes_ = 0;
  std::vector<Tensor> gathering_;
  std::vector<Bucket> under_way_;
};

}  // namespace ranvier
