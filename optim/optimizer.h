// What moves parameters along their gradients.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ranvier/core/named_tensor.h"

namespace ranvier {

/// Updates a set of f32 parameters in place, each in one pass over memory. Updates are elementwise
/// and rounded the same for any number of threads and on every processor. All memory is taken when
/// the optimizer is made.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// Moves every parameter that has a gradient; the others stay as they are, as do their counters.
  /// Error: a gradient that is not f32 (names the parameter).
  void step();

  double lr() const { return lr_; }
  /// What a schedule sets before each step. Error: negative or not finite.
  void set_lr(double lr);

  /// What it moves; a tensor that was given under several names is here once, under the first.
  const NamedTensors& parameters() const { return parameters_; }
  /// Handles of all that a checkpoint has to keep beside the parameters: "2.weight.momentum" and
  /// so on, and "steps", i64 [parameters], how often each was moved. `load_state` of
  /// core/named_tensor.h restores them.
  NamedTensors state() const;

 protected:
  /// `op` tags errors; `slots` names the tensors kept for each parameter, zero at first. Errors: no
  /// parameters; one that is not f32; a name that is used twice; an `lr` that `set_lr` refuses.
  Optimizer(const char* op, NamedTensors parameters, double lr,
            const std::vector<const char*>& slots);

  static constexpr std::size_t max_slots = 2;
  /// One parameter's array and what belongs to it.
  struct Update {
    float* parameter;
    const float* grad;
    float* slots[max_slots];  ///< in the order of the constructor's; null beyond
    std::int64_t count;
    std::int64_t step;  ///< 1 the first time this parameter moves
  };
  virtual void update(const Update& update) = 0;

 private:
  const char* op_;
  double lr_ = 0;
  NamedTensors parameters_;
  std::vector<NamedTensors> slots_;  // [slot][parameter]
  Tensor steps_;
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
                                          const OptimizerOptions& options = {});

/// The names that `make_optimizer` knows.
std::vector<std::string> optimizer_names();

}  // namespace ranvier
