#include "apps/bench/benchmark.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ranvier/core/error.h"
#include "ranvier/core/random.h"

namespace ranvier::apps {

Measurement summarise_runs(std::string name, std::vector<double> milliseconds) {
  RV_CHECK(!milliseconds.empty(), "[bench] {} was not run.", name);
  std::sort(milliseconds.begin(), milliseconds.end());
  const std::size_t middle = milliseconds.size() / 2;
  const double median = milliseconds.size() % 2 == 1
                            ? milliseconds[middle]
                            : (milliseconds[middle - 1] + milliseconds[middle]) / 2;
  return {.name = std::move(name),
          .median_ms = median,
          .fastest_ms = milliseconds.front(),
          .slowest_ms = milliseconds.back(),
          .runs = static_cast<int>(milliseconds.size())};
}

Tensor random_spikes(const Shape& shape, double density) {
  Tensor x = uniform(shape, 0, 1);
  float* value = x.mutable_data<float>();
  for (std::int64_t i = 0; i < x.numel(); ++i) value[i] = value[i] < density ? 1.0f : 0.0f;
  return x;
}

std::string to_json_line(const Measurement& m) {
  nlohmann::ordered_json line{{"name", m.name},
                              {"median_ms", m.median_ms},
                              {"fastest_ms", m.fastest_ms},
                              {"slowest_ms", m.slowest_ms},
                              {"runs", m.runs}};
  for (const auto& [name, value] : m.figures) line[name] = value;
  return line.dump();
}

std::string row_heading() {
  return fmt::format("{:<30} {:>9} {:>9} {:>9}  {}", "benchmark (ms)", "median", "fastest",
                     "slowest", "figures");
}

std::string to_row(const Measurement& m) {
  std::string row = fmt::format("{:<30} {:>9.3f} {:>9.3f} {:>9.3f} ", m.name, m.median_ms,
                                m.fastest_ms, m.slowest_ms);
  for (const auto& [name, value] : m.figures) row += fmt::format(" {:.4g} {}", value, name);
  return row;
}

}  // namespace ranvier::apps
