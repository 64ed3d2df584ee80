// What batch normalisation does with the numbers of one channel, in f64: one formula for all
// devices.
#pragma once

#include <cmath>

#include "ranvier/core/platform.h"

namespace ranvier::norm {

struct Moments {
  double mean, variance;
};

/// From the sums of x - origin and of its square over `count` values.
RV_HD Moments moments_of(double origin, double sum, double square, double count) {
  const double shifted = sum / count;
  const double variance = square / count - shifted * shifted;
  return {origin + shifted, variance < 0 ? 0 : variance};
}

/// A running statistic after it has moved towards that of a batch.
template <class R>
RV_HD R moved(R running, double batch, double momentum) {
  return static_cast<R>((1 - momentum) * static_cast<double>(running) + momentum * batch);
}

/// From the variance of a batch to that of what it was drawn from.
RV_HD double unbiased(double variance, double count) { return variance * (count / (count - 1)); }

/// y = fma(x, scale, shift)
template <class R>
struct ScaleShift {
  R scale, shift;
};
template <class R>
RV_HD ScaleShift<R> scale_shift(const Moments& of, double gamma, double beta, double eps) {
  const R scale = static_cast<R>(gamma / std::sqrt(of.variance + eps));
  // From the rounded scale: the rounding of a large mean's product then cancels in the sum.
  return {scale, static_cast<R>(beta - of.mean * static_cast<double>(scale))};
}

/// Gradients of gamma and beta, and gx = scale g + slope (x - centre) + offset.
template <class R>
struct GradientParts {
  double gamma, beta;
  R scale, slope, offset;
};
/// From the sums of g and of g (x - centre); `count` 0: the moments are not those of x.
template <class R>
RV_HD GradientParts<R> gradient_parts(const Moments& of, R centre, double sum, double sum_x,
                                      double gamma, double eps, double count) {
  const double inverse = 1 / std::sqrt(of.variance + eps);
  const double off_centre = static_cast<double>(centre) - of.mean;
  // The sum of g (x - mean) / sqrt(variance + eps), whose mean times that factor is the part of g
  // that only widens or narrows the batch.
  const double sum_normalised = (sum_x + off_centre * sum) * inverse;
  const double factor = gamma * inverse;
  if (count == 0) return {sum_normalised, sum, static_cast<R>(factor), R(0), R(0)};
  const double widening = -factor * inverse * sum_normalised / count;
  return {sum_normalised, sum, static_cast<R>(factor), static_cast<R>(widening),
          static_cast<R>(widening * off_centre - factor * sum / count)};
}

}  // namespace ranvier::norm
