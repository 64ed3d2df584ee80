#include "ranvier/ops/neurons/detail/state_passage.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "ranvier/ops/shape/shape_ops.h"
#include "ranvier/ops/shape/slice.h"

namespace ranvier::neurons {
namespace {

/// Neurons [first, last) of a variable, in its memory.
Tensor part_of(const Tensor& variable, std::int64_t first, std::int64_t last) {
  return slice(reshape(variable, {variable.numel()}), 0, first, last);
}

/// Whether others have steps before these, or after.
bool shares_time(const StateRelay* relay) { return has_before(relay) || has_after(relay); }

}  // namespace

StatePassage::StatePassage(StateRelay* relay, Way way, std::vector<Tensor> given,
                           std::vector<Tensor> leaving, const Shape& step,
                           const TensorOptions& options)
    : relay_(shares_time(relay) ? relay : nullptr),
      way_(way),
      options_(options),
      given_(std::move(given)),
      arriving_(given_),
      leaving_(std::move(leaving)) {
  if (relay_ == nullptr) return;
  const NoGradGuard no_grad;
  const auto variables = static_cast<std::int64_t>(given_.size());
  // Kernels of CUDA devices take all neurons at once.
  if (options.device == cpu_device)
    count_ = relay_->pieces(variables * step.numel() * element_size(options.dtype));
  if (!arrives()) return;
  for (std::size_t k = 0; k < given_.size(); ++k)
    arriving_[k] = count_ > 1 ? empty(step, options) : accumulate(receive(step), given_[k]);
}

void StatePassage::begin(std::int64_t first, std::int64_t last) {
  if (!arrives()) return;
  const NoGradGuard no_grad;
  for (std::size_t k = 0; k < given_.size(); ++k) {
    Tensor piece = receive({last - first});
    if (given_[k].defined()) piece = accumulate(std::move(piece), part_of(given_[k], first, last));
    Tensor place = part_of(arriving_[k], first, last);
    std::memcpy(place.mutable_raw_data(), piece.raw_data(),
                static_cast<std::size_t>(piece.nbytes()));
  }
}

void StatePassage::end(std::int64_t first, std::int64_t last) {
  if (!leaves()) return;
  const NoGradGuard no_grad;
  for (const Tensor& variable : leaving_) send(part_of(variable, first, last));
}

void StatePassage::finish() {
  if (count_ > 1 || !leaves()) return;
  for (const Tensor& variable : leaving_) send(variable);
}

bool StatePassage::arrives() const {
  return way_ == Way::forward ? has_before(relay_) : has_after(relay_);
}
bool StatePassage::leaves() const {
  return way_ == Way::forward ? has_after(relay_) : has_before(relay_);
}

Tensor StatePassage::receive(const Shape& shape) const {
  return way_ == Way::forward ? relay_->receive_state(shape, options_)
                              : relay_->receive_gradient(shape, options_);
}
void StatePassage::send(const Tensor& piece) const {
  way_ == Way::forward ? relay_->send_state(piece) : relay_->send_gradient(piece);
}

bool has_before(const StateRelay* relay) { return relay != nullptr && relay->has_before(); }
bool has_after(const StateRelay* relay) { return relay != nullptr && relay->has_after(); }

bool must_record(std::span<const Tensor> inputs, const StateRelay* relay) {
  return grad_needed(inputs) || (grad_enabled() && shares_time(relay));
}

void attach_scan(std::shared_ptr<Node> node, std::span<const Tensor> inputs,
                 std::vector<Tensor> outputs, StateRelay* relay) {
  if (shares_time(relay))
    relay->attach_exchange(std::move(node), inputs, std::move(outputs));
  else
    attach(std::move(node), inputs, outputs);
}

}  // namespace ranvier::neurons
