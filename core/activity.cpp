#include "ranvier/core/activity.h"

#include <mutex>
#include <unordered_set>

#include "ranvier/core/error.h"

namespace ranvier {
namespace {

thread_local const char* operation = nullptr;
thread_local LayerName layer = nullptr;

// Never destroyed: a tensor with static lifetime may be freed after any other object.
LayerName only_one_of(std::string name) {
  static auto& mutex = *new std::mutex;
  static auto& names = *new std::unordered_set<std::string>;
  const std::lock_guard lock(mutex);
  return &*names.insert(std::move(name)).first;
}

}  // namespace

LayerName current_layer() { return layer; }

std::string current_activity() {
  if (layer == nullptr) return operation == nullptr ? "" : operation;
  return operation == nullptr ? *layer : fmt::format("{} in {}", operation, *layer);
}

OperationScope::OperationScope(const char* name) : before_(operation) { operation = name; }
OperationScope::~OperationScope() { operation = before_; }

LayerScope::LayerScope(std::string_view name) : before_(layer) {
  layer = only_one_of(layer == nullptr ? std::string(name) : fmt::format("{}, {}", *layer, name));
}
LayerScope::LayerScope(LayerName name) : before_(layer) { layer = name; }
LayerScope::~LayerScope() { layer = before_; }

}  // namespace ranvier
