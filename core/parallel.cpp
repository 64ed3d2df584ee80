#include "ranvier/core/parallel.h"

#include <omp.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>

#include "ranvier/core/detail/thread_team.h"
#include "ranvier/core/error.h"

namespace ranvier {
namespace {

// Each thread has a number of its own and a team of its own, as with OpenMP.
thread_local int chosen_threads = 0;  // 0: none was chosen
thread_local std::unique_ptr<detail::ThreadTeam> own_team;
thread_local bool in_range = false;  // of a parallel loop

/// A loop under way.
struct Loop {
  std::int64_t begin, count, ranges;
  detail::RangeBody body;
  void* context;
  std::mutex mutex{};
  std::int64_t failed_range = 0;  // with `error`
  std::exception_ptr error{};     // of the first range that failed

  void run(std::int64_t range) {
    in_range = true;
    try {
      body(context, begin + count * range / ranges, begin + count * (range + 1) / ranges);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!error || range < failed_range) {
        error = std::current_exception();
        failed_range = range;
      }
    }
    in_range = false;
  }
};

detail::ThreadTeam& team_of(int size) {
  if (own_team != nullptr && own_team->size() == size) return *own_team;
  own_team.reset();
  try {
    own_team = std::make_unique<detail::ThreadTeam>(size);
  } catch (const std::system_error& error) {
    fail(ErrorCode::state,
         "[parallel] {} threads cannot be started: {}; OMP_NUM_THREADS or set_num_threads asks for "
         "fewer.",
         size, error.what());
  }
  return *own_team;
}

}  // namespace

int num_threads() {
  static const int at_start = omp_get_max_threads();
  return chosen_threads > 0 ? chosen_threads : at_start;
}

void set_num_threads(int count) {
  RV_CHECK(count >= 1, "[parallel] the number of threads must be >= 1; got {}.", count);
  chosen_threads = count;
}

namespace detail {

void parallel_ranges(std::int64_t begin, std::int64_t end, std::int64_t grain, RangeBody body,
                     void* context) {
  if (begin >= end) return;
  if (in_range) return body(context, begin, end);
  const std::int64_t count = end - begin, least = std::max<std::int64_t>(grain, 1);
  const std::int64_t ranges = std::min<std::int64_t>(num_threads(), (count + least - 1) / least);
  if (ranges == 1) return body(context, begin, end);
  Loop loop{.begin = begin, .count = count, .ranges = ranges, .body = body, .context = context};
  const auto task = [](void* of, int range) { static_cast<Loop*>(of)->run(range); };
  team_of(num_threads()).run(static_cast<int>(ranges), task, &loop);
  if (loop.error) std::rethrow_exception(loop.error);
}

}  // namespace detail
}  // namespace ranvier
