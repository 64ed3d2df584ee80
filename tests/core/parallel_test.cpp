#include "ranvier/core/parallel.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/threads.h"

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

TEST_CASE("the exception of a loop's first range that throws reaches the caller") {
  const test::Threads threads(4);
  for (int loop = 0; loop < 50; ++loop)
    CHECK_THROWS_WITH(parallel_for(0, 100, 1,
                                   [](std::int64_t begin, std::int64_t) {
                                     if (begin > 0) throw std::runtime_error(std::to_string(begin));
                                   }),
                      "25");
  std::atomic<int> visits{0};
  parallel_for(0, 100, 1,
               [&](std::int64_t b, std::int64_t e) { visits += static_cast<int>(e - b); });
  CHECK(visits == 100);
}

TEST_CASE("loops one after another see what each other wrote, at any number of threads") {
  std::vector<std::int64_t> values(1000);
  std::int64_t loops = 0;
  for (const int count : {1, 5, 2, 8, 3}) {
    const test::Threads threads(count);
    for (int i = 0; i < 300; ++i, ++loops)
      parallel_for(0, 1000, 1 + i % 400, [&](std::int64_t begin, std::int64_t end) {
        // Each element was written by another thread, or will be, in a loop of another cut.
        for (std::int64_t k = begin; k < end; ++k) ++values[static_cast<std::size_t>(k)];
      });
  }
  CHECK(values == std::vector<std::int64_t>(1000, loops));
}

TEST_CASE("helpers that have gone to sleep are woken") {
  const test::Threads threads(3);
  for (int loop = 0; loop < 5; ++loop) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // they wait for less
    std::mutex mutex;
    std::set<std::thread::id> here;
    std::latch all(3);  // nobody does a second range while a helper sleeps
    parallel_for(0, 3, 1, [&](std::int64_t, std::int64_t) {
      all.arrive_and_wait();
      const std::lock_guard lock(mutex);
      here.insert(std::this_thread::get_id());
    });
    CHECK(here.size() == 3);
  }
}

TEST_CASE("threads with loops of their own do not disturb each other") {
  std::atomic<int> wrong{0};
  const auto count_up = [&](int threads) {
    set_num_threads(threads);
    for (int loop = 0; loop < 200; ++loop) {
      std::vector<int> values(64);
      parallel_for(0, 64, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) values[static_cast<std::size_t>(i)] += 1;
      });
      if (values != std::vector<int>(64, 1) || num_threads() != threads) ++wrong;
    }
  };
  const int own = num_threads();
  std::thread two(count_up, 2), four(count_up, 4);
  two.join();
  four.join();
  CHECK(wrong == 0);
  CHECK(num_threads() == own);
}

TEST_CASE("a forked process, which has no helpers, does its loops alone") {
  const test::Threads threads(3);
  const auto sum = [] {
    std::atomic<std::int64_t> total{0};
    parallel_for(0, 300, 1, [&](std::int64_t begin, std::int64_t end) { total += end - begin; });
    return total.load();
  };
  REQUIRE(sum() == 300);
  const pid_t child = fork();
  if (child == 0) {
    _exit(sum() == 300 ? 0 : 1);
  }
  int status = 1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
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
