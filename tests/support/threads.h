// A number of threads for one scope of a test.
#pragma once

#include "ranvier/core/parallel.h"

namespace ranvier::test {

/// One thread under the thread sanitizer, which does not see libgomp's barriers and takes every
/// parallel loop for a race.
class Threads {
 public:
  explicit Threads(int count) : previous_(num_threads()) { set_num_threads(allowed(count)); }
  ~Threads() { set_num_threads(previous_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  static int allowed(int count) {
#if defined(__SANITIZE_THREAD__)
    return count > 1 ? 1 : count;
#else
    return count;
#endif
  }

  int previous_;
};

}  // namespace ranvier::test
