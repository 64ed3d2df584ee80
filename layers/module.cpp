#include "ranvier/layers/module.h"

#include <algorithm>
#include <unordered_map>

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

void load_state_dict(const NamedTensors& target, const NamedTensors& source) {
  std::unordered_map<std::string_view, const Tensor*> by_name;
  for (const auto& [name, tensor] : source) by_name[name] = &tensor;
  for (const auto& [name, tensor] : target) {
    const auto found = by_name.find(name);
    if (found == by_name.end())
      fail(ErrorCode::format, "[load_state_dict] '{}' {} is missing from the saved state.", name,
           tensor.shape());
    const Tensor& saved = *found->second;
    if (saved.shape() != tensor.shape() || saved.dtype() != tensor.dtype())
      fail(ErrorCode::format,
           "[load_state_dict] '{}' is {} {} in this network and {} {} in the saved state.", name,
           tensor.dtype(), tensor.shape(), saved.dtype(), saved.shape());
    by_name.erase(found);
  }
  for (const auto& [name, tensor] : source)
    if (by_name.contains(name))
      fail(ErrorCode::format,
           "[load_state_dict] '{}' {} of the saved state is not in this network.", name,
           tensor.shape());
  // Only now, with everything checked, is anything overwritten.
  std::unordered_map<std::string_view, const Tensor*> checked;
  for (const auto& [name, tensor] : source) checked[name] = &tensor;
  for (const auto& [name, tensor] : target) {
    Tensor destination = tensor;
    copy_into(destination, *checked.at(name));
  }
}

std::int64_t count_elements(const NamedTensors& tensors) {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : tensors) count += tensor.numel();
  return count;
}

void zero_grad(const NamedTensors& parameters) {
  for (const auto& [name, tensor] : parameters) Tensor(tensor).set_grad({});
}

}  // namespace ranvier
