// Parallel loops of a thread and its helpers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace ranvier {

/// Threads that the calling thread's parallel loops use, itself among them; at start
/// OMP_NUM_THREADS or the number of usable cores.
int num_threads();
/// For the calling thread alone. Error: count < 1.
void set_num_threads(int count);

namespace detail {
using RangeBody = void (*)(void* context, std::int64_t begin, std::int64_t end);
void parallel_ranges(std::int64_t begin, std::int64_t end, std::int64_t grain, RangeBody body,
                     void* context);
}  // namespace detail

/// Calls `body(first, last)` on disjoint ranges that cover [begin, end), each at least `grain`
/// long (but for the last), on several threads at once. How it is cut depends on the number of
/// threads, so a body must give the same result however it is cut: a reduction cuts its work into
/// chunks of fixed size itself and adds their results up in order. An exception of a body, of
/// several that of the first range, reaches the caller when all have ended. Nested calls run
/// serially. Error (state): the threads cannot be started.
template <class Body>
void parallel_for(std::int64_t begin, std::int64_t end, std::int64_t grain, Body&& body) {
  detail::parallel_ranges(
      begin, end, grain,
      [](void* context, std::int64_t first, std::int64_t last) {
        (*static_cast<std::remove_reference_t<Body>*>(context))(first, last);
      },
      const_cast<void*>(static_cast<const void*>(&body)));
}

/// The sum over [0, count) of what `part(first, last)` returns for ranges that cover it. How it is
/// cut depends on `count` alone and the parts are added up in order, so that the result does not
/// depend on the number of threads. Takes no memory.
template <class Part>
double ordered_sum(std::int64_t count, Part&& part) {
  constexpr std::int64_t most_parts = 256, shortest = 1 << 13;
  const std::int64_t length = std::max(shortest, (count + most_parts - 1) / most_parts);
  const std::int64_t parts = (count + length - 1) / length;
  double sums[most_parts];
  parallel_for(0, parts, 2, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      sums[i] = part(i * length, std::min(count, (i + 1) * length));
  });
  double total = 0;
  for (std::int64_t i = 0; i < parts; ++i) total += sums[i];
  return total;
}

}  // namespace ranvier
