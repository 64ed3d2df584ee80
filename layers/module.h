// What a module is: a plain struct that computes one shard of time and names its parts.
//
//   struct MyLayer {
//     Tensor weight;
//     Tensor operator()(const Tensor& x);   // stateless: time is part of the batch
//     void visit(Visitor& v) { v.parameter("weight", weight); }
//   };
//
// A module with state takes and returns it: `Shard operator()(const Tensor& x, const State& state)`
// maps (x[t0:t1], state) to (y[t0:t1], state'), so that a sequence may be cut anywhere. See
// docs/modules.md.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include "ranvier/core/named_tensor.h"
#include "ranvier/core/tensor.h"
#include "ranvier/ops/norm/batch_norm.h"

namespace ranvier {

/// The state of a module between two shards of time. A default one starts at rest.
struct State {
  std::vector<Tensor> tensors{};  ///< of the module itself: one f32 tensor per neuron variable
  std::vector<State> children{};  ///< of its children, in order
  bool keep = true;               ///< false: nobody wants the state after the coming shard

  bool at_rest() const { return tensors.empty() && children.empty(); }
  /// At rest, for a shard that is all of time: modules need not work out a state after it.
  static State whole_sequence() { return {.keep = false}; }
  /// The same values outside the graph: truncated back-propagation through time.
  State detach() const;
  /// What a module of `count` children gives to number `index`: that child's state, at rest if this
  /// is, and kept if this is. Errors: a state that is not of `count` children, or was not kept.
  State child(std::size_t index, std::size_t count) const;
};

/// What a module makes of a shard of time.
struct Shard {
  Tensor output;
  State state;
};

/// Walks a module and its children; every module's `visit` names each part once, and everything
/// else (parameter lists, state dicts, moving, training mode) follows from it.
class Visitor {
 public:
  virtual ~Visitor() = default;

  /// A tensor that is learned.
  void parameter(std::string_view name, Tensor& tensor);
  /// A tensor that belongs to the state dict but is not learned (running statistics).
  void buffer(std::string_view name, Tensor& tensor);
  /// True while training; modules that behave differently in evaluation name their flag.
  void training(bool& flag) { on_training(flag); }
  /// Where a batch norm takes its statistics from.
  void batch_norm_mode(BatchNormMode& mode) { on_batch_norm_mode(mode); }
  /// A module within this one.
  template <class Module>
  void child(std::string_view name, Module& module) {
    const std::size_t length = path_.size();
    extend(name);
    module.visit(*this);
    path_.resize(length);
  }

 protected:
  virtual void on_parameter(const std::string&, Tensor&) {}
  virtual void on_buffer(const std::string&, Tensor&) {}
  virtual void on_training(bool&) {}
  virtual void on_batch_norm_mode(BatchNormMode&) {}

 private:
  void extend(std::string_view name);
  std::string path_;
};

template <class M>
concept StatelessModule = requires(M module, const Tensor& x, Visitor& visitor) {
  { module(x) } -> std::same_as<Tensor>;
  module.visit(visitor);
};

template <class M>
concept StatefulModule = requires(M module, const Tensor& x, const State& state, Visitor& visitor) {
  { module(x, state) } -> std::same_as<Shard>;
  module.visit(visitor);
};

template <class M>
concept Module = StatelessModule<M> || StatefulModule<M>;

namespace detail {
/// Error unless `state` is that of a module which has none.
void check_stateless(const State& state);
}  // namespace detail

/// Runs any module on a shard; a stateless one passes the state through empty. Error: it was given
/// a state that is not.
template <Module M>
Shard run_shard(M& module, const Tensor& x, const State& state = {}) {
  if constexpr (StatefulModule<M>) {
    return module(x, state);
  } else {
    detail::check_stateless(state);
    return {module(x), {}};
  }
}

namespace detail {
class CollectTensors final : public Visitor {
 public:
  CollectTensors(NamedTensors* parameters, NamedTensors* buffers)
      : parameters_(parameters), buffers_(buffers) {}

 protected:
  void on_parameter(const std::string& path, Tensor& tensor) override {
    if (parameters_ != nullptr && tensor.defined()) parameters_->push_back({path, tensor});
  }
  void on_buffer(const std::string& path, Tensor& tensor) override {
    if (buffers_ != nullptr && tensor.defined()) buffers_->push_back({path, tensor});
  }

 private:
  NamedTensors* parameters_;
  NamedTensors* buffers_;
};

class MoveTensors final : public Visitor {
 public:
  explicit MoveTensors(Device device) : device_(device) {}

 protected:
  void on_parameter(const std::string& path, Tensor& tensor) override;
  void on_buffer(const std::string& path, Tensor& tensor) override { on_parameter(path, tensor); }

 private:
  struct Move {
    Tensor from, to;
  };
  Device device_;
  std::vector<Move> moved_;  // what two modules share stays shared
};

class SetTraining final : public Visitor {
 public:
  explicit SetTraining(bool training) : training_(training) {}

 protected:
  void on_training(bool& flag) override { flag = training_; }

 private:
  bool training_;
};

class SetBatchNormMode final : public Visitor {
 public:
  explicit SetBatchNormMode(BatchNormMode mode) : mode_(mode) {}

 protected:
  void on_batch_norm_mode(BatchNormMode& mode) override { mode = mode_; }

 private:
  BatchNormMode mode_;
};
}  // namespace detail

/// The learned tensors of `module` by their dotted paths.
template <class M>
NamedTensors parameters(M& module) {
  NamedTensors found;
  detail::CollectTensors collect(&found, nullptr);
  module.visit(collect);
  return found;
}

/// Learned tensors and buffers: all that a checkpoint has to keep. Handles, not copies.
template <class M>
NamedTensors state_dict(M& module) {
  NamedTensors found;
  detail::CollectTensors collect(&found, &found);
  module.visit(collect);
  return found;
}

/// Switches `module` between training and evaluation (batch norm, dropout).
template <class M>
void set_training(M& module, bool training) {
  detail::SetTraining set(training);
  module.visit(set);
}

/// Where every batch norm of `module` takes its statistics from while it trains.
template <class M>
void set_batch_norm_mode(M& module, BatchNormMode mode) {
  detail::SetBatchNormMode set(mode);
  module.visit(set);
}

/// Moves learned tensors and buffers to `device`. They become new leaves: an optimizer is made
/// after the move. Error: the device is not available.
template <class M>
void move_to(M& module, Device device) {
  detail::MoveTensors move(device);
  module.visit(move);
}

}  // namespace ranvier
