// The way of a state through one scan: from the steps before to those after, or in backward that of
// its gradient, from those after to those before.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "ranvier/core/tape.h"
#include "ranvier/ops/neurons/detail/pieces.h"
#include "ranvier/ops/neurons/state_relay.h"

namespace ranvier::neurons {

/// Lets a kernel take over what arrives and hand on what it makes of it, in pieces if there are
/// some, else whole, before the kernel and after it.
class StatePassage final : public Pieces {
 public:
  enum class Way { forward, backward };

  /// For variables shaped like `step`. `given` ones, undefined for none, are what the scan begins
  /// with if nothing arrives; else they are added to that. `leaving` is what the kernel will write.
  StatePassage(StateRelay* relay, Way way, std::vector<Tensor> given, std::vector<Tensor> leaving,
               const Shape& step, const TensorOptions& options);

  /// What the scan begins with; undefined: at rest, or zero. In pieces, it fills as they begin.
  const std::vector<Tensor>& arriving() const { return arriving_; }
  /// For the kernel.
  Pieces* pieces() { return count_ > 1 ? this : nullptr; }
  /// After the kernel.
  void finish();

  std::int64_t count() const override { return count_; }
  void begin(std::int64_t first, std::int64_t last) override;
  void end(std::int64_t first, std::int64_t last) override;

 private:
  bool arrives() const;
  bool leaves() const;
  Tensor receive(const Shape& shape) const;
  void send(const Tensor& piece) const;

  StateRelay* const relay_;
  const Way way_;
  const TensorOptions options_;
  std::vector<Tensor> given_, arriving_, leaving_;
  std::int64_t count_ = 1;
};

/// Of a relay that may be null.
bool has_before(const StateRelay* relay);
bool has_after(const StateRelay* relay);

/// Whether a scan has to be recorded: a gradient is needed here, or others wait for it.
bool must_record(std::span<const Tensor> inputs, const StateRelay* relay);

/// As `attach`, for the node of a scan that may exchange gradients in backward.
void attach_scan(std::shared_ptr<Node> node, std::span<const Tensor> inputs,
                 std::vector<Tensor> outputs, StateRelay* relay);

}  // namespace ranvier::neurons
