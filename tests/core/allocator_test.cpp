#include "ranvier/core/allocator.h"

#include "ranvier/core/tensor.h"
#include "tests/support/catch.h"

using namespace ranvier;

TEST_CASE("a returned block serves the next request of its size") {
  { Tensor warm_up = empty({1000, 1000}); }
  const std::int64_t before = cpu_allocator().stats().system_allocations;
  for (int i = 0; i < 10; ++i) Tensor x = empty({1000, 1000});
  CHECK(cpu_allocator().stats().system_allocations == before);
}

TEST_CASE("use and peak are counted") {
  const std::int64_t before = cpu_allocator().stats().bytes_in_use;
  cpu_allocator().reset_peak();
  {
    Tensor x = empty({1 << 20});
    CHECK(cpu_allocator().stats().bytes_in_use >= before + (4 << 20));
  }
  CHECK(cpu_allocator().stats().bytes_in_use == before);
  CHECK(cpu_allocator().stats().peak_bytes_in_use >= before + (4 << 20));
}

TEST_CASE("kept blocks can be given back to the system") {
  { Tensor x = empty({1 << 22}); }
  cpu_allocator().release_kept();
  const MemoryStats stats = cpu_allocator().stats();
  CHECK(stats.bytes_reserved == stats.bytes_in_use);
}
