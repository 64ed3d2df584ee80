// The slope functors that kernels are compiled with.
#pragma once

#include <cstring>
#include <type_traits>

#include "ranvier/ops/neurons/kernels.h"
#include "ranvier/ops/neurons/surrogates.h"

namespace ranvier::neurons {

/// That of a model with a surrogate. A readout has no surrogate: one serves all.
template <class Model, class Surrogate, class R>
using SlopeOf = typename std::conditional_t<Model::spiking, Surrogate,
                                            surrogate::StraightThrough>::template Slope<R>;

/// That of whichever surrogate a program has, told apart as a kernel runs: for those whose speed
/// matters less than what one for each surrogate would take to compile
/// (docs/decisions/0034-clean-builds.md). It has the bits of the surrogate's own.
template <class R, class Surrogates = AllSurrogates>
class AnySlope;

template <class R, class... Surrogates>
class AnySlope<R, TypeList<Surrogates...>> {
 public:
  explicit AnySlope(const Program<R>& program) : surrogate_(program.surrogate) {
    static_assert(sizeof(slope_) == sizeof(program.slope));
    std::memcpy(slope_, program.slope, sizeof(slope_));
  }

  RV_HD R operator()(R x) const {
    R value = R(0);
    int index = 0;
    ((index++ == surrogate_ ? void(value = as<typename Surrogates::template Slope<R>>()(x))
                            : void()),
     ...);
    return value;
  }

 private:
  template <class Slope>
  RV_HD Slope as() const {
    Slope slope;
    std::memcpy(&slope, slope_, sizeof(slope));
    return slope;
  }

  int surrogate_;
  R slope_[Program<R>::slope_bytes / sizeof(R)];
};

/// The slope of a program's surrogate.
template <class Slope, class R>
Slope slope_of(const Program<R>& program) {
  if constexpr (std::is_same_v<Slope, AnySlope<R>>) {
    return Slope(program);
  } else {
    Slope slope;
    std::memcpy(&slope, program.slope, sizeof(slope));
    return slope;
  }
}

}  // namespace ranvier::neurons
