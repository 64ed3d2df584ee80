// What moves parameters along their gradients.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ranvier/core/named_tensor.h"
#include "ranvier/optim/loss_scale.h"
#include "ranvier/optim/parameter_group.h"

namespace ranvier {

namespace optim {
enum class Rule : std::uint8_t;
struct ParameterRates;
struct Update;
}  // namespace optim

/// Updates a set of f32 parameters of one device in place, in one pass over memory; on a CUDA
/// device by one kernel for all of them, which also writes the 16-bit copies that
/// core/rounded_copy.h keeps. Updates are elementwise and rounded the same for any
/// number of threads, on every processor and device. All memory is taken when the optimizer is
/// made.
class Optimizer {
 public:
  virtual ~Optimizer();
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// Moves every parameter that has a gradient; the others stay as they are, as do their counters:
  /// `prepare_step` and `launch_step`.
  void step();
  /// What the CPU does of a step: counts it, and hands what changes from step to step, the learning
  /// rate and what depends on the count, to the parameters' device.
  void prepare_step();
  /// What the device does of a step, with what the last `prepare_step` handed to it. Of a training
  /// step that was recorded as a graph this is a part; the call of `prepare_step` comes before each
  /// launch of the graph.
  void launch_step();

  double lr() const { return lr_; }
  /// What a schedule sets before each step; groups have their factor of it. Error: negative or not
  /// finite.
  void set_lr(double lr);

  /// From now on gradients are those of a loss that was scaled by `scale`, of the parameters'
  /// device: steps undo that, are left out if a gradient overflowed (but counted), and adapt it.
  void set_loss_scale(LossScale scale);
  /// Null: gradients are not scaled.
  const LossScale* loss_scale() const { return scale_ ? &*scale_ : nullptr; }

  /// What it moves; a tensor that was given under several names is here once, under the first.
  const NamedTensors& parameters() const { return parameters_; }
  /// Handles of all that a checkpoint has to keep beside the parameters: "2.weight.momentum" and
  /// so on, "steps", i64 [parameters], how often each was moved, and "loss_scale" if there is one.
  /// `load_state` of core/named_tensor.h restores them.
  NamedTensors state() const;

 protected:
  /// What all optimizers are told.
  struct Rates {
    double lr, weight_decay;
  };

  /// `op` tags errors; `slots` names the tensors kept for each parameter, zero at first. Errors: no
  /// parameters; one that is no leaf or not f32, or on another device than the first; a name that
  /// is used twice; rates that are negative or not finite; a group that names a parameter which is
  /// not there.
  Optimizer(const char* op, optim::Rule rule, NamedTensors parameters, const Rates& rates,
            const ParameterGroups& groups, const std::vector<const char*>& slots);

  /// Writes the numbers that the rule takes at the `step`-th move of a parameter that has these
  /// rates, the first being 1.
  virtual void write_factors(std::int64_t step, const Rates& rates, float* factors) const = 0;

 private:
  const char* op_;
  optim::Rule rule_;
  double lr_ = 0;
  NamedTensors parameters_;
  std::vector<optim::ParameterRates> rates_;  // of each parameter
  std::vector<NamedTensors> slots_;           // [slot][parameter]
  Tensor steps_;
  Tensor factors_;         // [parameters, numbers of the rule]
  Tensor device_factors_;  // the same on the parameters' device
  std::optional<LossScale> scale_;
  std::vector<Tensor> gradients_;       // that the scale looks at
  std::vector<optim::Update> updates_;  // of the parameters that have a gradient
};

/// What the trainers' command lines say about an optimizer.
struct OptimizerOptions {
  double lr = 1e-3;
  double weight_decay = 0;
  double momentum = 0;    ///< of sgd
  bool nesterov = false;  ///< of sgd
};

/// The optimizer called `name`: "sgd", "adam" or "adamw". Errors: another name; what its
/// constructor refuses.
std::unique_ptr<Optimizer> make_optimizer(std::string_view name, NamedTensors parameters,
                                          const OptimizerOptions& options = {},
                                          const ParameterGroups& groups = {});

/// The names that `make_optimizer` knows.
std::vector<std::string> optimizer_names();

}  // namespace ranvier
