// The passes of pointwise functions over whole tensors, a function for each kind of device. The
// slots of each functor are made in pointwise_cpu.cpp and filled in pointwise_cuda.cu.
#pragma once

#include "ranvier/core/dispatch.h"
#include "ranvier/core/tensor.h"

namespace ranvier::pointwise {

/// Of a functor of one tensor. Errors are tagged with `op`.
template <class F>
struct Unary {
  /// y = f(x)
  using Value = void(const char* op, const F& f, const Tensor& x, Tensor& y);
  /// gx = g f'(saved); `saved` is x, y or undefined, as the functor's `from` says
  using Gradient = void(const char* op, const F& f, const Tensor& g, const Tensor& saved,
                        Tensor& gx);
  static DeviceKernels<Value> value;
  static DeviceKernels<Gradient> gradient;
};

/// Of a functor of two tensors, which broadcast to the result.
template <class F>
struct Binary {
  /// y = f(a, b)
  using Value = void(const char* op, const Tensor& a, const Tensor& b, Tensor& y);
  /// out = g df/da, or g df/db; what the functor does not read is undefined
  using Gradient = void(const char* op, const Tensor& g, const Tensor& a, const Tensor& b,
                        Tensor& out);
  static DeviceKernels<Value> value;
  static DeviceKernels<Gradient> gradient_a, gradient_b;
};

}  // namespace ranvier::pointwise
