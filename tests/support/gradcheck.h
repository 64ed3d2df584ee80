// Every differentiable operation against central differences, in f64 and off its kinks.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ranvier/core/tape.h"
#include "ranvier/core/tensor.h"

namespace ranvier::test {

struct GradcheckOptions {
  double step = 1e-5;
  /// Largest |analytic - numeric| / (1 + |numeric|) that passes.
  double tolerance = 1e-7;
};

/// An operation under test: f64 inputs to one f64 output, without side effects.
using Differentiable = std::function<Tensor(const std::vector<Tensor>&)>;

namespace gradcheck_detail {

inline std::string index_text(std::int64_t flat, const Shape& shape) {
  std::string text;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    text = fmt::format("{}{}{}", flat % shape[axis], text.empty() ? "" : ", ", text);
    flat /= shape[axis];
  }
  return "[" + text + "]";
}

inline std::vector<Tensor> as_leaves(const std::vector<Tensor>& inputs) {
  std::vector<Tensor> leaves;
  for (const Tensor& input : inputs) {
    leaves.push_back(clone(input));
    if (input.dtype() == DType::f64) leaves.back().set_requires_grad(true);
  }
  return leaves;
}

// The row of every input's Jacobian that belongs to output element `row`, from one backward walk.
inline void walk_from(const Tensor& output, std::int64_t row, std::vector<Tensor>& leaves) {
  for (Tensor& leaf : leaves) leaf.set_grad({});
  Tensor seed = zeros_like(output);
  seed.mutable_data<double>()[row] = 1;
  output.backward(seed, {.retain_graph = true});
}

// Output at input[which][element] + step, minus that at - step.
inline std::vector<double> difference(const Differentiable& f, const std::vector<Tensor>& inputs,
                                      std::size_t which, std::int64_t element, double step) {
  const NoGradGuard no_grad;
  std::vector<Tensor> moved = inputs;
  moved[which] = clone(inputs[which]);
  const double centre = moved[which].data<double>()[element];
  moved[which].mutable_data<double>()[element] = centre + step;
  std::vector<double> result = to_vector(f(moved));
  moved[which].mutable_data<double>()[element] = centre - step;
  const std::vector<double> below = to_vector(f(moved));
  for (std::size_t i = 0; i < result.size(); ++i) result[i] -= below[i];
  return result;
}

}  // namespace gradcheck_detail

/// Compares every entry of the Jacobian of `f` at `inputs` with central differences. Inputs that
/// are not f64 are held constant. Empty if all agree, else the worst entry with both numbers:
/// `CHECK(gradient_mismatch(f, {x, w}) == "");`
inline std::string gradient_mismatch(const Differentiable& f, const std::vector<Tensor>& inputs,
                                     GradcheckOptions options = {}) {
  std::vector<Tensor> leaves = gradcheck_detail::as_leaves(inputs);
  const Tensor output = f(leaves);
  if (output.dtype() != DType::f64) return fmt::format("the output is {}, not f64", output.dtype());
  const std::int64_t rows = output.numel();

  // analytic[i][row * numel(i) + element]
  std::vector<std::vector<double>> analytic(inputs.size());
  for (std::int64_t row = 0; row < rows; ++row) {
    gradcheck_detail::walk_from(output, row, leaves);
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      if (leaves[i].grad().defined() && leaves[i].grad().shape() != leaves[i].shape())
        return fmt::format("the gradient of input {} has shape {}, not {}", i,
                           leaves[i].grad().shape(), leaves[i].shape());
      const std::vector<double> grad =
          to_vector(leaves[i].grad().defined() ? leaves[i].grad() : zeros_like(leaves[i]));
      analytic[i].insert(analytic[i].end(), grad.begin(), grad.end());
    }
  }

  double worst = options.tolerance;
  std::string report;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].dtype() != DType::f64) continue;
    const std::int64_t elements = inputs[i].numel();
    for (std::int64_t element = 0; element < elements; ++element) {
      const std::vector<double> change =
          gradcheck_detail::difference(f, inputs, i, element, options.step);
      for (std::int64_t row = 0; row < rows; ++row) {
        const double numeric = change[static_cast<std::size_t>(row)] / (2 * options.step);
        const double ours = analytic[i][static_cast<std::size_t>(row * elements + element)];
        const double error = std::abs(ours - numeric) / (1 + std::abs(numeric));
        if (error <= worst) continue;
        worst = error;
        report = fmt::format(
            "d output{} / d input {}{}: backward says {:.9g}, central differences say {:.9g}",
            gradcheck_detail::index_text(row, output.shape()), i,
            gradcheck_detail::index_text(element, inputs[i].shape()), ours, numeric);
      }
    }
  }
  return report;
}

}  // namespace ranvier::test
