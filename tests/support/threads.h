// A number of threads for one scope of a test.
#pragma once

#include "ranvier/core/parallel.h"

namespace ranvier::test {

class Threads {
 public:
  explicit Threads(int count) : previous_(num_threads()) { set_num_threads(count); }
  ~Threads() { set_num_threads(previous_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int previous_;
};

}  // namespace ranvier::test
