// A residual connection around a module.
#pragma once

#include <optional>

#include "ranvier/layers/any_module.h"

namespace ranvier {

/// y = body(x) + shortcut(x), with the identity as shortcut if none is given: the ADD connection
/// of SEW-ResNet (Fang et al. 2021) when both sides are spikes. Error: shapes that differ.
struct Residual {
  static constexpr std::string_view kind = "Residual";

  explicit Residual(AnyModule body) : body(std::move(body)) {}
  Residual(AnyModule body, AnyModule shortcut)
      : body(std::move(body)), shortcut(std::move(shortcut)) {}

  Shard operator()(const Tensor& x, const State& state);
  /// All of time in one shard from rest.
  Tensor operator()(const Tensor& x) { return (*this)(x, State::whole_sequence()).output; }
  void visit(Visitor& visitor);

  AnyModule body;
  std::optional<AnyModule> shortcut;
};

}  // namespace ranvier
