#include "ranvier/layers/module.h"

namespace ranvier {

State State::detach() const {
  State detached;
  for (const Tensor& tensor : tensors) detached.tensors.push_back(tensor.detach());
  for (const State& child : children) detached.children.push_back(child.detach());
  return detached;
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

}  // namespace ranvier
