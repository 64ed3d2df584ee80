// A neuron as a value: model, options and surrogate behind one type.
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "ranvier/core/tensor.h"
#include "ranvier/ops/neurons/all.h"
#include "ranvier/ops/neurons/kernels.h"

namespace ranvier {

namespace neurons {

/// Scalars in a model's `State<R>` or `Learnable<R>`.
template <template <class> class Fields>
inline constexpr int field_count = std::is_empty_v<Fields<double>>
                                       ? 0
                                       : static_cast<int>(sizeof(Fields<double>) / sizeof(double));

/// A neuron's description, shared by all copies of a `Neuron`.
struct Description {
  std::string name;
  bool spiking = true;
  bool hard_reset = false;
  std::vector<std::string> learnable_names;
  std::vector<double> learnable_values;  ///< at birth
  Program<float> f32;
  Program<double> f64;
};

/// The model of `AllNeurons` that has these options.
template <class Options, class List = AllNeurons>
struct ModelOf {
  using type = void;
};
template <class Options, class First, class... Rest>
struct ModelOf<Options, TypeList<First, Rest...>> {
  using type = typename std::conditional_t<std::is_same_v<Options, typename First::Options>,
                                           std::type_identity<First>,
                                           ModelOf<Options, TypeList<Rest...>>>::type;
};

template <class Options>
concept LibraryOptions = !std::is_void_v<typename ModelOf<Options>::type>;

template <class R, class Model, class SlopeSource>
Program<R> make_program(const typename Model::Options& options, const SlopeSource& surrogate,
                        RowKernels<R> kernels) {
  const auto params = Model::template params<R>(options);
  const auto slope = surrogate.template slope_functor<R>();
  const auto rest = Model::template rest<R>(options);
  using Learnable = typename Model::template Learnable<R>;
  static_assert(sizeof(params) <= Program<R>::params_bytes &&
                sizeof(slope) <= Program<R>::slope_bytes);
  static_assert(sizeof(rest) <= sizeof(Program<R>::rest));
  Program<R> program;
  program.kernels = kernels;
  program.states = field_count<Model::template State>;
  program.learnables = field_count<Model::template Learnable>;
  std::memcpy(program.params, &params, sizeof(params));
  std::memcpy(program.slope, &slope, sizeof(slope));
  std::memcpy(program.rest, &rest, sizeof(rest));
  if constexpr (field_count < Model::template Learnable >> 0) {
    program.learn = [](void* into, const R* values) {
      Learnable learnable;
      std::memcpy(&learnable, values, sizeof(learnable));
      Model::learn(*static_cast<typename Model::template Params<R>*>(into), learnable);
    };
    const Learnable initial = Model::template initial<R>(options);
    R values[max_learnables];
    std::memcpy(values, &initial, sizeof(initial));
    program.learn(program.params, values);
  }
  return program;
}

/// Names and values at birth of what the model learns under these options.
template <class Model>
void describe_learnables(const typename Model::Options& options, Description& description) {
  if constexpr (field_count < Model::template Learnable >> 0) {
    if constexpr (requires { Model::learns(options); })
      if (!Model::learns(options)) return;
    const auto initial = Model::template initial<double>(options);
    std::array<double, Model::learnable_names.size()> values;
    static_assert(sizeof(values) == sizeof(initial));
    std::memcpy(values.data(), &initial, sizeof(initial));
    description.learnable_values.assign(values.begin(), values.end());
    for (const char* name : Model::learnable_names) description.learnable_names.emplace_back(name);
  }
}

/// Whether a spike sets the membrane to a value of its own, whatever it was.
template <class Options>
bool resets_hard(const Options& options) {
  if constexpr (requires { options.v_reset.has_value(); })
    return options.v_reset.has_value();
  else if constexpr (requires { options.reset == LeakyReset::zero; })
    return options.reset == LeakyReset::zero;
  else
    return false;
}

template <class Model, class SlopeSource>
Description describe(const typename Model::Options& options, const SlopeSource& surrogate,
                     RowKernels<float> f32, RowKernels<double> f64) {
  Description description;
  description.name = Model::name;
  description.spiking = Model::spiking;
  description.hard_reset = resets_hard(options);
  description.f32 = make_program<float, Model>(options, surrogate, f32);
  description.f64 = make_program<double, Model>(options, surrogate, f64);
  describe_learnables<Model>(options, description);
  return description;
}

/// The description of a model of `AllNeurons`.
template <class Model>
Description describe_library_model(const typename Model::Options& options) {
  const auto with = [&]<class S>(const S& surrogate) {
    const int model = AllNeurons::index_of<Model>, index = AllSurrogates::index_of<S>;
    auto description = describe<Model>(options, surrogate, library_kernels<float>(model, index),
                                       library_kernels<double>(model, index));
    description.f32.model = description.f64.model = model;
    description.f32.surrogate = description.f64.surrogate = index;
    return description;
  };
  if constexpr (requires { options.surrogate; })
    return std::visit(with, options.surrogate);
  else
    return with(surrogate::StraightThrough{});
}

}  // namespace neurons

/// A neuron model with its options: `Neuron n = LIFOptions{.tau = 2.0};`
///
/// Copies share their learnable tensors; moving one copies it, so that no neuron is ever empty.
/// Models from outside the library: custom.h.
class Neuron {
 public:
  /// A neuron of the library. Error: an option outside its range.
  template <neurons::LibraryOptions Options>
  Neuron(const Options& options)
      : Neuron(neurons::describe_library_model<typename neurons::ModelOf<Options>::type>(options)) {
  }
  explicit Neuron(neurons::Description description);
  Neuron(const Neuron&) = default;
  Neuron& operator=(const Neuron&) = default;

  /// "lif"
  const std::string& name() const { return description_->name; }
  /// False if the output is not spikes but a real number (a readout).
  bool spiking() const { return description_->spiking; }
  /// Whether a spike sets the membrane to a value of its own, whatever it was.
  bool resets_hard() const { return description_->hard_reset; }
  /// Variables of the state; the first is the membrane.
  int states() const { return description_->f32.states; }
  /// Names of the learnable scalars, {"w"}; empty for most models.
  const std::vector<std::string>& learnable_names() const { return description_->learnable_names; }

  /// One scalar tensor for each learnable name, a leaf that requires a gradient at birth.
  std::vector<Tensor> learnables;

  const neurons::Description& description() const { return *description_; }

 private:
  std::shared_ptr<const neurons::Description> description_;
};

}  // namespace ranvier
