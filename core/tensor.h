// The tensor: metadata and lifetime only; everything that computes is a free function.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "ranvier/core/device.h"
#include "ranvier/core/dtype.h"
#include "ranvier/core/error.h"
#include "ranvier/core/shape.h"
#include "ranvier/core/storage.h"

namespace ranvier {

class Node;
class Tensor;
namespace detail {
struct TensorImpl;
}

/// How a new tensor is made.
struct TensorOptions {
  DType dtype = DType::f32;
  Device device = cpu_device;
};

/// How `Tensor::backward` walks.
struct BackwardOptions {
  bool retain_graph = false;  ///< keep saved tensors, so that the graph can be walked again
  /// Called with each node after its backward, newest node first: for those who time them.
  std::function<void(const Node&)> after_node = {};
  /// Called with each leaf as soon as its gradient is complete, while the walk goes on elsewhere.
  std::function<void(const Tensor& leaf)> on_gradient{};
};

/// A contiguous n-dimensional array on one device, with an optional place in the autograd graph.
///
/// Copying a `Tensor` copies a handle: both name the same array and the same gradient. Sequences
/// are time-major and images channels-last: `[T, B, H, W, C]`. A shard of time is a view.
class Tensor {
 public:
  using Hook = std::function<Tensor(const Tensor&)>;

  /// An undefined tensor: no array, no shape; stands for "absent".
  Tensor() = default;
  /// A tensor over existing memory; `offset` counts bytes. For views and wrapped memory.
  Tensor(std::shared_ptr<Storage> storage, std::int64_t offset, Shape shape, DType dtype);

  bool defined() const { return impl_ != nullptr; }
  const Shape& shape() const;
  int rank() const { return shape().rank(); }
  /// Extent of `axis`; negative axes count from the end.
  std::int64_t size(int axis) const { return shape()[axis]; }
  std::int64_t numel() const { return shape().numel(); }
  DType dtype() const;
  Device device() const;
  /// Bytes of the array, packed rows included.
  std::int64_t nbytes() const;

  /// Read access. Error: `T` is not the tensor's dtype, or the tensor is not on the CPU.
  template <class T>
  const T* data() const {
    return static_cast<const T*>(checked_data(dtype_of<T>));
  }
  /// Write access; counts as a write for saved-tensor checks. Errors as `data`.
  template <class T>
  T* mutable_data() {
    storage()->bump_version();
    return static_cast<T*>(const_cast<void*>(checked_data(dtype_of<T>)));
  }
  const std::byte* raw_data() const;
  std::byte* mutable_raw_data();
  const std::shared_ptr<Storage>& storage() const;
  /// Bytes from the start of the storage to the first element.
  std::int64_t storage_offset() const;

  /// The value of a tensor of one element, as f64.
  double item() const;

  /// This tensor on `device`; itself if it is there already. Differentiable.
  Tensor to(Device device) const;
  /// This tensor as `dtype`, itself if it has it. Differentiable between floating types. Floats as
  /// integers are cut towards 0 and held in range, NaN is 0. Error: packed spikes (see ops/spikes).
  Tensor to(DType dtype) const;

  // --- autograd -----------------------------------------------------------------------------
  bool requires_grad() const;
  /// Marks a leaf as wanting a gradient. Error: not a leaf, or an integer dtype.
  Tensor& set_requires_grad(bool required);
  /// True unless an operation on the tape made this tensor.
  bool is_leaf() const;
  /// The accumulated gradient of a leaf, or undefined. Same shape; f32 for packed spikes.
  const Tensor& grad() const;
  /// Replaces the gradient; an undefined tensor clears it. Error: another shape, dtype or device.
  void set_grad(Tensor grad);
  /// Gradients of all leaves this scalar depends on. Error: not one element, no graph, second walk.
  void backward(const BackwardOptions& options = {}) const;
  /// As above for any shape, starting from `seed`, the gradient of this tensor.
  void backward(const Tensor& seed, const BackwardOptions& options = {}) const;
  /// The same array outside the graph.
  Tensor detach() const;
  /// Calls `hook` with this tensor's complete gradient during backward; what it returns, if
  /// defined, takes the gradient's place.
  void register_hook(Hook hook);

  /// True if both handles name the same tensor.
  bool is_same(const Tensor& other) const { return impl_ == other.impl_; }
  /// True if no other handle names this tensor or its storage: its array may be reused.
  bool is_unique() const;

  detail::TensorImpl& impl() const;

 private:
  const void* checked_data(DType dtype) const;

  std::shared_ptr<detail::TensorImpl> impl_;
};

/// An uninitialised tensor. Error: extents whose size does not fit memory.
Tensor empty(const Shape& shape, TensorOptions options = {});
Tensor zeros(const Shape& shape, TensorOptions options = {});
Tensor full(const Shape& shape, double value, TensorOptions options = {});
/// An uninitialised tensor with `like`'s shape, dtype and device.
Tensor empty_like(const Tensor& like);
Tensor zeros_like(const Tensor& like);
/// A tensor holding a copy of `values`, row by row. Error: the count differs from `shape`.
template <class T>
Tensor from_span(std::span<const T> values, const Shape& shape);
template <class T>
Tensor from_vector(const std::vector<T>& values, const Shape& shape) {
  return from_span(std::span<const T>(values), shape);
}
/// A one-axis f32 tensor: `tensor({0.5f, 0.8f})`.
Tensor tensor(std::initializer_list<float> values);
Tensor scalar(double value, TensorOptions options = {});
/// A copy with its own storage, outside the graph.
Tensor clone(const Tensor& source);
/// Overwrites `target` with `source`, from one device to another too. Error: shapes or dtypes
/// differ.
void copy_into(Tensor& target, const Tensor& source);
void fill(Tensor& target, double value);
/// All elements as a vector of f64, spikes as 0 and 1. For tests, printing and small results.
std::vector<double> to_vector(const Tensor& source);

/// Bytes of an array of `shape` and `dtype`, packed rows included.
std::int64_t array_bytes(const Shape& shape, DType dtype);

}  // namespace ranvier
