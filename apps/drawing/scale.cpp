#include "apps/drawing/scale.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

namespace ranvier::apps {

std::string Scale::label(double value) const {
  if (std::abs(value) < step / 1000) return "0";
  const double largest = std::max(std::abs(first), std::abs(last));
  if (largest >= 1e5 || largest < 1e-3) return fmt::format("{:.3g}", value);
  const int decimals = std::max(0, -static_cast<int>(std::floor(std::log10(step) + 1e-9)));
  return fmt::format("{:.{}f}", value, decimals);
}

std::vector<double> Scale::ticks() const {
  std::vector<double> values;
  for (double i = std::ceil(first / step - 1e-6); i * step <= last + step * 1e-6; ++i)
    values.push_back(i * step);
  return values;
}

Scale nice_scale(double low, double high, int intervals) {
  const double middle = low / 2 + high / 2;
  if (high - low <= 1e-6 * std::abs(middle)) {
    const double margin = middle == 0 ? 0.5 : 0.05 * std::abs(middle);
    low = middle - margin, high = middle + margin;
  }
  const double rough = high / intervals - low / intervals;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double mantissa = rough / power;
  const double step = power * (mantissa <= 1 ? 1 : mantissa <= 2 ? 2 : mantissa <= 5 ? 5 : 10);
  return {std::floor(low / step + 1e-6) * step, std::ceil(high / step - 1e-6) * step, step};
}

}  // namespace ranvier::apps
