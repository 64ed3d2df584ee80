#include "ranvier/core/cuda_graph.h"

#include "ranvier/core/activity.h"
#include "ranvier/core/tape.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"

using namespace ranvier;
using namespace ranvier::test;

TEST_CASE("recorded work is done anew by every launch", "[cuda]") {
  RV_NEEDS_CUDA();
  Tensor x = full({1000}, 1, {.device = cuda_device});
  const Tensor one = full({1000}, 1, {.device = cuda_device});
  Tensor sum;
  const CudaGraph graph(cuda_device, [&] { sum = accumulate(accumulate(Tensor(), x), one); });
  for (const double value : {1.0, 5.0, -3.0}) {
    fill(x, value);
    graph.launch();
    CHECK(to_vector(sum) == std::vector<double>(1000, value + 1));
  }
}

TEST_CASE("a graph's memory is nobody else's until it ends", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor one = full({1 << 18}, 1, {.device = cuda_device});
  {
    const CudaGraph graph(cuda_device, [&] { clone(one); });
    const Tensor other = zeros({1 << 18}, {.device = cuda_device});
    graph.launch();
    CHECK(to_vector(other) == std::vector<double>(1 << 18, 0.0));
  }
  const std::int64_t before = allocator(cuda_device).stats().system_allocations;
  const Tensor a = clone(one), b = clone(one);
  CHECK(allocator(cuda_device).stats().system_allocations <= before + 1);
}

TEST_CASE("work that reads from the device cannot be recorded, and the device goes on", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = full({4}, 2, {.device = cuda_device});
  const auto record = [&] { const CudaGraph graph(cuda_device, [&] { to_vector(x); }); };
  const LayerScope layer("2 Reads");
  CHECK_ERROR(record(), ErrorCode::device, "[copy in 2 Reads] CUDA reports");
  CHECK(to_vector(x) == std::vector<double>(4, 2.0));
}

TEST_CASE("private memory keeps its blocks to itself and gives them back") {
  const auto address = [](const Tensor& tensor) { return tensor.raw_data(); };
  const Shape shape{12345};
  const std::byte* inside = nullptr;
  {
    PrivateMemory memory(cpu_device);
    {
      const PrivateMemory::Use use(memory);
      inside = address(empty(shape));
      CHECK(address(empty(shape)) == inside);
      CHECK_ERROR(PrivateMemory::Use(memory), ErrorCode::invalid_argument, "in use already");
    }
    const Tensor outside = empty(shape);
    CHECK(address(outside) != inside);
    const PrivateMemory::Use again(memory);
    CHECK(address(empty(shape)) == inside);
  }
  CHECK(address(empty(shape)) == inside);
}

TEST_CASE("work on the CPU is not recorded") {
  const auto record = [] { const CudaGraph graph(cpu_device, [] {}); };
  CHECK_ERROR(record(), ErrorCode::invalid_argument, "recorded on CUDA devices; got cpu");
}
