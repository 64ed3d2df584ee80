// Choosing among ways to do the same work by timing them on a device.
#pragma once

#include <algorithm>
#include <chrono>
#include <limits>
#include <vector>

#include "ranvier/core/detail/cuda_launch.h"

namespace ranvier::cuda {

/// True if what `stream` is asked for is recorded at present, so that nobody may wait for it.
bool is_recorded(const char* op, cudaStream_t stream);

/// Seconds until `stream` has done all that `work` asks of it.
template <class Work>
double seconds(const char* op, cudaStream_t stream, const Work& work) {
  check(op, cudaStreamSynchronize(stream));
  const auto begin = std::chrono::steady_clock::now();
  work();
  check(op, cudaStreamSynchronize(stream));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Moves the candidate to the front whose `run(candidate)` takes least time, of those for which it
/// is true; the others keep their order. Nothing is moved while `stream` is recorded.
template <class Candidate, class Run>
void fastest_first(const char* op, cudaStream_t stream, std::vector<Candidate>& candidates,
                   const Run& run) {
  if (candidates.size() < 2 || is_recorded(op, stream)) return;
  constexpr int rounds = 3, runs = 10;  // a round of one run would time the launch
  std::vector<double> least(candidates.size(), std::numeric_limits<double>::infinity());
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (!run(candidates[i])) continue;
    for (int round = 0; round < rounds; ++round)
      least[i] = std::min(least[i], seconds(op, stream, [&] {
                            for (int k = 0; k < runs; ++k) run(candidates[i]);
                          }));
  }
  const auto fastest = std::ranges::min_element(least) - least.begin();
  std::rotate(candidates.begin(), candidates.begin() + fastest, candidates.begin() + fastest + 1);
}

}  // namespace ranvier::cuda
