#include "tests/emulator/blocks/async_copy.h"

#include <cstdint>
#include <cstring>

#include "tests/emulator/blocks/multiprocessor.h"

namespace emulator {

void AsyncCopies::begin(void* to, const void* from, std::size_t bytes) {
  constexpr int unset = 0xff;
  std::memset(to, unset, bytes);
  under_way_.push_back({to, from, bytes, group_});
}

void AsyncCopies::wait(unsigned groups) {
  const auto due = [&](const Copy& copy) { return copy.group + groups < group_; };
  for (const Copy& copy : under_way_)
    if (due(copy)) std::memcpy(copy.to, copy.from, copy.bytes);
  std::erase_if(under_way_, due);
}

void begin_copy(void* to, const void* from, std::size_t bytes) {
  Multiprocessor::one().copies().begin(to, from, bytes);
}
void commit_copies() { Multiprocessor::one().copies().commit(); }
void wait_for_copies(unsigned groups) { Multiprocessor::one().copies().wait(groups); }

}  // namespace emulator
