// Modules one after another; the container that recognises what can be fused.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "ranvier/layers/any_module.h"

namespace ranvier {

/// What an observer of a `Sequential` is shown after each of its modules.
struct Observation {
  const std::string& name;  ///< of the module within the container
  std::string_view kind;    ///< "Conv2d", ...
  AnyModule& module;
  const Tensor& input;
  const Tensor& output;
};

/// What an observer of groups is shown after each: `count` modules from `first` on, run as one.
struct GroupObservation {
  std::size_t first, count;
  const Tensor& input;
  const Tensor& output;
  const State& state;  ///< after the shard, of the module in the group that has one
};

/// Whether neurons hand their spikes to products as bits, which are also what is kept of them for
/// the way back: 1/32 of f32, 1/16 of 16 bit.
enum class SpikePacking {
  automatic,  ///< on a CPU, where sparse spikes are then multiplied event by event
  on,         ///< on CUDA devices as well, whose products unpack them
  off
};

/// Runs its modules in order over a shard of time.
///
/// BatchNorm -> neuron -> (MaxPool2d | AvgPool2d) is computed as one fused operation: spikes are
/// the same bit for bit and gradients to rounding. A neuron hands its spikes to a Linear or Conv2d
/// as packed bits, which lose nothing, but sparse ones are multiplied event by event, equal to the
/// dense product to rounding; on a CUDA device they stay numbers unless `set_packing` asks for
/// bits, and wherever the product is of f64. `set_fuse(false)` or an observer make every module run
/// alone on numbers.
class Sequential {
 public:
  static constexpr std::string_view kind = "Sequential";
  using Observer = std::function<void(const Observation&)>;
  using GroupObserver = std::function<void(const GroupObservation&)>;

  Sequential() = default;
  /// Modules named "0", "1", ...: `Sequential(Conv2d({.in = 1, .out = 8}), IF({.steps = 4}))`.
  template <Module First, Module... Rest>
  requires(!std::same_as<First, Sequential> ||
           sizeof...(Rest) > 0) explicit Sequential(First first, Rest... rest) {
    add(std::move(first));
    (add(std::move(rest)), ...);
  }

  /// Appends a module; without a name it is called by its index. Error: a name that is taken.
  Sequential& add(AnyModule module, std::string name = {});

  /// One shard of time: (x[t0:t1], state) -> (y[t0:t1], state'). An empty state starts at rest.
  /// Errors: no modules; two that show a static input; a state that another network returned.
  Shard operator()(const Tensor& x, const State& state);
  /// All of time in one shard from rest.
  Tensor operator()(const Tensor& x) { return (*this)(x, State::whole_sequence()).output; }
  void visit(Visitor& visitor);

  /// For how many steps the network shows a static input; 0: its input has a time axis.
  std::int64_t shown_steps();

  std::size_t size() const { return entries_.size(); }
  /// Error: an index that is out of range.
  AnyModule& module(std::size_t index);
  const std::string& name(std::size_t index) const { return entries_.at(index).name; }

  void set_fuse(bool fuse) { fuse_ = fuse; }
  /// Of the network's own modules, as `set_fuse`.
  void set_packing(SpikePacking packing) { packing_ = packing; }
  /// Calls `observer` after every module, until an empty function takes its place. Returns the
  /// observer before.
  Observer observe(Observer observer) { return std::exchange(observer_, std::move(observer)); }
  /// Calls `observer` after every group of modules that is computed as one; leaves fusion as it is.
  void observe_groups(GroupObserver observer) { group_observer_ = std::move(observer); }

 private:
  struct Entry {
    std::string name;
    AnyModule module;
  };

  std::size_t group_size(std::size_t index);
  std::string group_name(std::size_t first, std::size_t count) const;
  std::size_t static_input_length();
  std::size_t shared_modules(const Tensor& x);
  Tensor run_shared(std::size_t count, const Tensor& x, const State& state, State& next);
  Tensor run(std::size_t first, std::size_t last, const Tensor& x, const State& state, State& next);
  Shard run_alone(std::size_t index, const Tensor& x, const State& state);
  Shard run_fused(std::size_t first, std::size_t count, const Tensor& x, const State& state);
  bool hands_on_bits(std::size_t index, Device device);
  bool feeds_product(std::size_t index);

  std::vector<Entry> entries_;
  Observer observer_;
  GroupObserver group_observer_;
  bool fuse_ = true;
  SpikePacking packing_ = SpikePacking::automatic;
};

/// While alive, `observer` takes the place of the network's own.
class ObserverScope {
 public:
  ObserverScope(Sequential& network, Sequential::Observer observer)
      : network_(network), former_(network.observe(std::move(observer))) {}
  ~ObserverScope() { network_.observe(std::move(former_)); }
  ObserverScope(const ObserverScope&) = delete;
  ObserverScope& operator=(const ObserverScope&) = delete;

 private:
  Sequential& network_;
  Sequential::Observer former_;
};

}  // namespace ranvier
