// The tape: which operation made which tensor, and how gradients flow back.
//
// An operation records itself by attaching a named node to its outputs:
//
//   struct MulBackward final : Node {
//     Saved a, b;
//     const char* name() const override { return "MulBackward"; }
//     std::vector<Tensor> backward(std::span<const Tensor> grads) override {
//       return {needs(0) ? mul(grads[0], b.get()) : Tensor(), ...};
//     }
//     void release() override { a.reset(); b.reset(); }
//   };
//
//   if (grad_needed({a, b})) attach(std::make_shared<MulBackward>(a, b), {a, b}, {result});
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ranvier/core/activity.h"
#include "ranvier/core/tensor.h"

namespace ranvier {

/// Where a gradient goes: to output `index` of `node`, or into the leaf's own gradient.
struct Edge {
  std::shared_ptr<Node> node;
  int index = 0;
  std::int64_t numel = 0;  ///< of the tensor, and so of its gradient
  Tensor leaf;             ///< defined for a leaf that requires a gradient; then `node` is null

  bool active() const { return node != nullptr || leaf.defined(); }
};

/// A tensor kept for backward. Counts its bytes, and notices writes that came after it was saved.
class Saved {
 public:
  Saved() = default;
  Saved(const Tensor& tensor);  // implicit: `Saved x = tensor;` reads as what it is
  ~Saved() { reset(); }
  Saved(Saved&& other) noexcept;
  Saved& operator=(Saved&& other) noexcept;

  /// The tensor, outside the graph. Error: released by an earlier backward, or written since.
  const Tensor& get() const;
  bool defined() const { return tensor_.defined(); }
  void reset();

 private:
  Tensor tensor_;
  std::uint64_t version_ = 0;
};

/// Bytes that saved tensors of all live graphs keep alive now.
std::int64_t saved_bytes();

/// One recorded operation. Subclasses are named after their forward function: `MulBackward`.
class Node {
 public:
  virtual ~Node();
  virtual const char* name() const = 0;
  /// Gradients of the inputs, in the order given to `attach`, from those of the outputs; an
  /// undefined tensor stands for zero. Entries for inputs that are not `needs`ed may be undefined.
  virtual std::vector<Tensor> backward(std::span<const Tensor> grads) = 0;
  /// Lets go of saved tensors; called after the walk unless the graph is retained.
  virtual void release() {}

  /// True if input `i` takes part in the graph.
  bool needs(int i) const { return edges_[static_cast<std::size_t>(i)].active(); }
  const std::vector<Edge>& edges() const { return edges_; }
  /// Nodes are numbered in the order they were recorded.
  std::uint64_t sequence() const { return sequence_; }

 private:
  friend void attach(std::shared_ptr<Node>, std::initializer_list<Tensor>,
                     std::initializer_list<Tensor>);
  friend void attach(std::shared_ptr<Node>, std::span<const Tensor>, std::span<const Tensor>);
  friend class BackwardWalk;

  std::vector<Edge> edges_;
  std::vector<std::vector<Tensor::Hook>> output_hooks_;
  std::uint64_t sequence_ = 0;
  LayerName layer_ = nullptr;  // that recorded it
  int outputs_ = 0;
  bool released_ = false;

  friend struct detail::TensorImpl;
  friend class Tensor;
};

/// The number that the next node to be recorded gets, on whichever thread.
std::uint64_t next_node_sequence();

/// True if the tape is recording and one of `inputs` is defined and requires a gradient.
bool grad_needed(std::initializer_list<Tensor> inputs);
bool grad_needed(std::span<const Tensor> inputs);

/// Makes `node` the origin of `outputs`, with edges to `inputs` (undefined ones have no edge).
void attach(std::shared_ptr<Node> node, std::initializer_list<Tensor> inputs,
            std::initializer_list<Tensor> outputs);
void attach(std::shared_ptr<Node> node, std::span<const Tensor> inputs,
            std::span<const Tensor> outputs);

/// While alive, operations of this thread are not recorded.
class NoGradGuard {
 public:
  NoGradGuard();
  ~NoGradGuard();
  NoGradGuard(const NoGradGuard&) = delete;
  NoGradGuard& operator=(const NoGradGuard&) = delete;

 private:
  bool previous_;
};

/// True unless a `NoGradGuard` is alive on this thread.
bool grad_enabled();

/// The graph above `tensor`, one node a line with its inputs, for reading and debugging.
std::string describe_graph(const Tensor& tensor);

/// `a + b` for gradients, into `a`'s array when nothing else uses it. Either may be undefined.
Tensor accumulate(Tensor a, const Tensor& b);

}  // namespace ranvier
