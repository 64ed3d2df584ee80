// What a thread is busy with: an operation, in a layer. Messages name both, and an allocator knows
// which layer holds how much.
#pragma once

#include <string>
#include <string_view>

namespace ranvier {

/// The name of a layer behind those of the layers it is in: "2 Sequential, 0 Conv2d". Names live as
/// long as the process and are equal where their addresses are; null outside of layers.
using LayerName = const std::string*;

/// The layer that this thread computes.
LayerName current_layer();

/// What this thread computes: "linear in 2 Linear", "linear" outside of layers, or "".
std::string current_activity();

/// While alive, this thread computes an operation.
class OperationScope {
 public:
  /// `name` is kept as it is, so it must outlive the scope.
  explicit OperationScope(const char* name);
  ~OperationScope();
  OperationScope(const OperationScope&) = delete;
  OperationScope& operator=(const OperationScope&) = delete;

 private:
  const char* before_;
};

/// While alive, this thread computes a layer.
class LayerScope {
 public:
  /// Layer `name` of the one that is computed already.
  explicit LayerScope(std::string_view name);
  /// As it was named before.
  explicit LayerScope(LayerName name);
  ~LayerScope();
  LayerScope(const LayerScope&) = delete;
  LayerScope& operator=(const LayerScope&) = delete;

 private:
  LayerName before_;
};

}  // namespace ranvier
