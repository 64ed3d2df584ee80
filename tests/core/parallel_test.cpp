#include "ranvier/core/parallel.h"

#include <atomic>
#include <stdexcept>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/errors.h"

using namespace ranvier;

TEST_CASE("a parallel loop visits every index once") {
  for (std::int64_t count : {0, 1, 7, 1000}) {
    std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
    parallel_for(0, count, 3, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
    });
    for (const auto& visited : visits) CHECK(visited == 1);
  }
}

TEST_CASE("an exception of a loop body reaches the caller") {
  CHECK_THROWS_AS(
      parallel_for(0, 100, 1, [](std::int64_t, std::int64_t) { throw std::runtime_error("no"); }),
      std::runtime_error);
}

TEST_CASE("a nested parallel loop runs to completion") {
  std::atomic<int> visits{0};
  parallel_for(0, 4, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      parallel_for(0, 4, 1,
                   [&](std::int64_t b, std::int64_t e) { visits += static_cast<int>(e - b); });
  });
  CHECK(visits == 16);
}

TEST_CASE("less than one thread is refused") {
  CHECK_ERROR(set_num_threads(0), ErrorCode::invalid_argument, "must be >= 1; got 0");
}

TEST_CASE(
    "an ordered sum covers every index once and has the same bits for any number of threads") {
  const int threads = num_threads();
  for (std::int64_t count : {0, 1, 8191, 8193, 1'000'003, 5'000'000}) {
    const auto sum = [&] {
      return ordered_sum(count, [](std::int64_t begin, std::int64_t end) {
        double part = 0;
        for (std::int64_t i = begin; i < end; ++i) part += 1 / static_cast<double>(i + 1);
        return part;
      });
    };
    set_num_threads(1);
    const double serial = sum();
    set_num_threads(3);
    CHECK(sum() == serial);
    double expected = 0;
    for (std::int64_t i = count; i > 0; --i) expected += 1 / static_cast<double>(i);
    CHECK(serial == test::Approx(expected).epsilon(1e-12));
  }
  set_num_threads(threads);
}
