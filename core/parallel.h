// Parallel loops on the process's one OpenMP runtime (oneDNN shares it).
#pragma once

#include <cstdint>
#include <type_traits>

namespace ranvier {

/// Threads that parallel loops use; at start OMP_NUM_THREADS or the number of usable cores.
int num_threads();
/// Error: count < 1.
void set_num_threads(int count);

namespace detail {
using RangeBody = void (*)(void* context, std::int64_t begin, std::int64_t end);
void parallel_ranges(std::int64_t begin, std::int64_t end, std::int64_t grain, RangeBody body,
                     void* context);
}  // namespace detail

/// Calls `body(first, last)` on disjoint ranges that cover [begin, end), each at least `grain`
/// long (but for the last), on several threads at once. How it is cut depends on the number of
/// threads, so a body must give the same result however it is cut: a reduction cuts its work into
/// chunks of fixed size itself and adds their results up in order. The first exception of a body
/// reaches the caller. Nested calls run serially.
template <class Body>
void parallel_for(std::int64_t begin, std::int64_t end, std::int64_t grain, Body&& body) {
  detail::parallel_ranges(
      begin, end, grain,
      [](void* context, std::int64_t first, std::int64_t last) {
        (*static_cast<std::remove_reference_t<Body>*>(context))(first, last);
      },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace ranvier
