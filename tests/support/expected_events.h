// What readers must make of the recordings in shared/data/event-samples.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "ranvier/data/events/events.h"
#include "tests/support/catch.h"

namespace ranvier::test {

/// A row of event-samples/expected.csv. Times are in microseconds as stored in the file.
struct ExpectedEvents {
  using Event = std::array<std::int64_t, 4>;  // t, x, y, p

  std::string file;   ///< below event-samples
  std::string label;  ///< "" where unknown
  std::int64_t count = 0, on = 0;
  Event first{}, last{};
  std::int64_t sum_t_minus_first = 0, sum_x = 0, sum_y = 0;
};

/// The rows of `samples`/expected.csv whose file begins with `prefix`, such as "aedat4/".
inline std::vector<ExpectedEvents> expected_events(const std::filesystem::path& samples,
                                                   const std::string& prefix) {
  std::ifstream table(samples / "expected.csv");
  std::vector<ExpectedEvents> rows;
  for (std::string line; std::getline(table, line);) {
    if (!line.starts_with(prefix)) continue;
    std::array<std::string, 11> cells;
    std::istringstream text(line);
    for (std::string& cell : cells) std::getline(text, cell, ',');
    const auto event = [](const std::string& cell) {
      ExpectedEvents::Event values{};
      std::istringstream numbers(cell);
      for (std::int64_t& value : values) numbers >> value;
      return values;
    };
    rows.push_back({.file = cells[0],
                    .label = cells[1],
                    .count = std::stoll(cells[2]),
                    .on = std::stoll(cells[3]),
                    .first = event(cells[4]),
                    .last = event(cells[5]),
                    .sum_t_minus_first = std::stoll(cells[6]),
                    .sum_x = std::stoll(cells[7]),
                    .sum_y = std::stoll(cells[8])});
  }
  REQUIRE_FALSE(rows.empty());
  return rows;
}

/// Checks `events` against a row: counts, the first and last event, and sums.
inline void check_events(const Events& events, const ExpectedEvents& expected) {
  INFO("file " << expected.file);
  REQUIRE(events.size() == expected.count);
  const auto event = [&](std::size_t i) {
    return ExpectedEvents::Event{events.t[i], events.x[i], events.y[i], events.p[i]};
  };
  CHECK(event(0) == expected.first);
  CHECK(event(events.t.size() - 1) == expected.last);
  const auto sum = [](const auto& column) {
    return std::accumulate(column.begin(), column.end(), std::int64_t{0});
  };
  CHECK(sum(events.p) == expected.on);
  std::int64_t since_first = 0;  // the times of some cameras are too large to be added up
  for (const std::int64_t t : events.t) since_first += t - events.t[0];
  CHECK(since_first == expected.sum_t_minus_first);
  CHECK(sum(events.x) == expected.sum_x);
  CHECK(sum(events.y) == expected.sum_y);
}

}  // namespace ranvier::test
