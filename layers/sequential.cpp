#include "ranvier/layers/sequential.h"

#include <algorithm>

#include "ranvier/layers/conv2d.h"
#include "ranvier/layers/flatten.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/pool.h"

namespace ranvier {

Sequential& Sequential::add(AnyModule module, std::string name) {
  if (name.empty()) name = std::to_string(entries_.size());
  for (const Entry& entry : entries_)
    RV_CHECK(entry.name != name, "[Sequential] the name '{}' is taken.", name);
  entries_.push_back({std::move(name), std::move(module)});
  return *this;
}

AnyModule& Sequential::module(std::size_t index) {
  RV_CHECK(index < entries_.size(), "[Sequential] index {} is out of range; it has {} modules.",
           index, entries_.size());
  return entries_[index].module;
}

void Sequential::visit(Visitor& visitor) {
  for (Entry& entry : entries_) visitor.child(entry.name, entry.module);
}

// Whether spikes that leave module `index` reach a product that takes them packed.
bool Sequential::feeds_product(std::size_t index) {
  for (std::size_t i = index + 1; i < entries_.size(); ++i) {
    AnyModule& module = entries_[i].module;
    if (module.as<Linear>() || module.as<Conv2d>()) return true;
    if (!module.as<Flatten>() && !module.as<MaxPool2d>()) return false;
  }
  return false;
}

Shard Sequential::operator()(const Tensor& x, const State& state) {
  RV_CHECK(state.at_rest() || state.children.size() == entries_.size(),
           "[Sequential] the state must be one this network returned; it has {} parts for {} "
           "modules.",
           state.children.size(), entries_.size());
  State next;
  next.children.resize(entries_.size());
  Tensor y = x;
  for (std::size_t i = 0; i < entries_.size();) {
    const std::size_t count = 1;
    // The neuron is the one module of a group that has a state.
    const std::size_t stateful = count > 1 ? i + 1 : i;
    State before = state.at_rest() ? State{} : state.children[stateful];
    before.keep = state.keep;
    Shard shard = run_group(i, count, y, before);
    if (observer_)
      observer_({entries_[i].name, entries_[i].module.kind(), entries_[i].module, y, shard.output});
    next.children[stateful] = std::move(shard.state);
    y = std::move(shard.output);
    i += count;
  }
  return {std::move(y), std::move(next)};
}

Shard Sequential::run_group(std::size_t first, std::size_t count, const Tensor& x,
                            const State& state) {
  AnyModule& module = entries_[first].module;
  const bool packed = fuse_ && !observer_ && feeds_product(first + count - 1);
  if (NeuronLayer* neurons = module.as<NeuronLayer>())
    return neurons->run(x, state, packed && neurons->neuron.spiking());
  return module(x, state);
}

}  // namespace ranvier
