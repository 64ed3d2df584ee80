#include "ranvier/layers/module.h"

namespace ranvier {

State State::detach() const {
  State detached;
  for (const Tensor& tensor : tensors) detached.tensors.push_back(tensor.detach());
  for (const State& child : children) detached.children.push_back(child.detach());
  return detached;
}

State State::child(std::size_t index, std::size_t count) const {
  State of_child;
  if (!at_rest()) {
    RV_CHECK(tensors.empty() && children.size() == count && index < count,
             "[state] it must be one that this module returned, of {} parts and no tensors; got {} "
             "parts and {} tensors.",
             count, children.size(), tensors.size());
    of_child = children[index];
    RV_CHECK(of_child.keep || !of_child.at_rest(),
             "[state] it was not kept: the shard before was said to be all of time.");
  }
  of_child.keep = keep;
  return of_child;
}

void detail::check_stateless(const State& state) {
  RV_CHECK(state.at_rest(),
           "[state] a module without state was given one of {} tensors and {} parts; it must be "
           "one that this network returned.",
           state.tensors.size(), state.children.size());
}

void Visitor::extend(std::string_view name) {
  if (!path_.empty()) path_ += '.';
  path_ += name;
}

void Visitor::parameter(std::string_view name, Tensor& tensor) {
  const std::size_t length = path_.size();
  extend(name);
  on_parameter(path_, tensor);
  path_.resize(length);
}

void Visitor::buffer(std::string_view name, Tensor& tensor) {
  const std::size_t length = path_.size();
  extend(name);
  on_buffer(path_, tensor);
  path_.resize(length);
}

void detail::MoveTensors::on_parameter(const std::string&, Tensor& tensor) {
  if (!tensor.defined() || tensor.device() == device_) return;
  for (const Move& move : moved_)
    if (move.from.is_same(tensor)) {
      tensor = move.to;
      return;
    }
  Tensor moved = tensor.detach().to(device_);
  moved.set_requires_grad(tensor.requires_grad());
  moved_.push_back({tensor, moved});
  tensor = moved;
}

}  // namespace ranvier
