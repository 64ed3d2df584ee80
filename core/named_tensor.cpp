#include "ranvier/core/named_tensor.h"

#include <set>
#include <unordered_map>

namespace ranvier {

void load_state(const NamedTensors& target, const NamedTensors& saved) {
  std::unordered_map<std::string_view, const Tensor*> by_name;
  for (const auto& [name, tensor] : saved)
    RV_CHECK(by_name.emplace(name, &tensor).second,
             "[load_state] the checkpoint has two tensors called {}.", name);
  for (const auto& [name, tensor] : target) {
    const auto found = by_name.find(name);
    RV_CHECK(found != by_name.end(),
             "[load_state] the checkpoint lacks {} {}, which the network has.", name,
             tensor.shape());
    const Tensor& source = *found->second;
    RV_CHECK(source.shape() == tensor.shape() && source.dtype() == tensor.dtype(),
             "[load_state] {} is {} {} in the network and {} {} in the checkpoint.", name,
             tensor.dtype(), tensor.shape(), source.dtype(), source.shape());
  }
  std::set<std::string_view> wanted;
  for (const auto& [name, tensor] : target)
    RV_CHECK(wanted.insert(name).second, "[load_state] the network has two tensors called {}.",
             name);
  for (const auto& [name, tensor] : saved)
    RV_CHECK(wanted.contains(name),
             "[load_state] the checkpoint has {} {}, which the network lacks.", name,
             tensor.shape());
  for (const auto& [name, tensor] : target) {
    Tensor destination = tensor;
    copy_into(destination, *by_name.at(name));
  }
}

NamedTensors clone(const NamedTensors& tensors) {
  NamedTensors copies;
  copies.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) copies.push_back({name, clone(tensor)});
  return copies;
}

NamedTensors add_prefix(std::string_view prefix, NamedTensors tensors) {
  for (NamedTensor& named : tensors) named.name.insert(0, prefix);
  return tensors;
}

NamedTensors take_prefix(std::string_view prefix, const NamedTensors& tensors) {
  NamedTensors taken;
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with(prefix)) taken.push_back({name.substr(prefix.size()), tensor});
  return taken;
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
