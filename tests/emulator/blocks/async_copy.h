// Copies into shared memory that the threads of an emulated block have under way.
#pragma once

#include <cstddef>
#include <vector>

namespace emulator {

// Those of the calling thread: `wait_for_copies` does all but the last `groups` that were
// committed.
void begin_copy(void* to, const void* from, std::size_t bytes);
void commit_copies();
void wait_for_copies(unsigned groups);

/// A thread's copies, in the order in which it asked for them.
class AsyncCopies {
 public:
  /// Its target holds no numbers until it is done.
  void begin(void* to, const void* from, std::size_t bytes);
  void commit() { ++group_; }
  void wait(unsigned groups);

 private:
  struct Copy {
    void* to;
    const void* from;
    std::size_t bytes;
    unsigned group;
  };

  std::vector<Copy> under_way_;
  unsigned group_ = 0;
};

}  // namespace emulator
