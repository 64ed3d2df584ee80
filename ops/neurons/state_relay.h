// How states of neurons travel along time, between those who compute different steps.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ranvier/core/tape.h"

namespace ranvier {

/// Takes states over from the one who has the steps before, hands them on to the one who has those
/// after, and moves their gradients the other way. A state goes variable by variable, and in pieces
/// of consecutive neurons where whoever computes them can begin with some. Scans ask in the order
/// in which they run, forward and backward, so all who share the time must run the same ones.
class StateRelay {
 public:
  virtual ~StateRelay() = default;
  /// Whether there are steps before these, and after.
  virtual bool has_before() const = 0;
  virtual bool has_after() const = 0;
  /// Into how many pieces a state of `bytes`, all variables together, is best cut: all get the same
  /// answer.
  virtual std::int64_t pieces(std::int64_t bytes) = 0;

  // If there are steps before.
  virtual Tensor receive_state(const Shape& shape, const TensorOptions& options) = 0;
  virtual void send_gradient(const Tensor& piece) = 0;
  /// Whether `receive_state` would wait.
  virtual bool must_wait() = 0;
  // If there are steps after. What is sent is not written to any more.
  virtual void send_state(const Tensor& piece) = 0;
  virtual Tensor receive_gradient(const Shape& shape, const TensorOptions& options) = 0;

  /// As `attach`, for a node that exchanges gradients in backward: it will be visited even
  /// if nobody here has gradients of its outputs.
  void attach_exchange(std::shared_ptr<Node> node, std::span<const Tensor> inputs,
                       std::vector<Tensor> outputs);

 private:
  /// `token`, which is empty, is one more output of such a node.
  virtual void expect_backward(const Tensor& token) = 0;
};

}  // namespace ranvier
