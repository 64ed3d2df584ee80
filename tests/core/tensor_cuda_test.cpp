#include "ranvier/core/allocator.h"
#include "ranvier/core/tape.h"
#include "ranvier/core/tensor.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"

using namespace ranvier;
using namespace ranvier::test;

TEST_CASE("tensors travel to a CUDA device and back", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = normal({37, 5}, 0, 1);
  check_same(x.to(cuda_device), x, 0);
  CHECK(to_vector(x.to(cuda_device).to(cpu_device)) == to_vector(x));
  CHECK(full({}, 3.5, {.device = cuda_device}).item() == 3.5);
  check_same(zeros({3, 70}, {.dtype = DType::f64, .device = cuda_device}),
             zeros({3, 70}, {.dtype = DType::f64}), 0);
  check_same(clone(x.to(cuda_device)), x, 0);
}

TEST_CASE("dtypes are converted on a CUDA device as on the CPU", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = normal({1000}, 0, 100);
  const Tensor far = normal({1000}, 0, 1e30);
  check_same(far.to(cuda_device).to(DType::i64), far.to(DType::i64), 0);
  for (const DType to : {DType::f64, DType::f16, DType::bf16, DType::i64, DType::u8}) {
    check_same(x.to(cuda_device).to(to), x.to(to), 0);
    check_same(x.to(to).to(cuda_device).to(DType::f32), x.to(to).to(DType::f32), 0);
  }
}

TEST_CASE("16-bit gradients are summed in f32 on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : {DType::bf16, DType::f16}) {
    const Tensor a = normal({1003}, 0, 1).to(dtype), b = normal({1003}, 0, 1).to(dtype);
    check_same(accumulate(a.to(cuda_device), b.to(cuda_device)).to(DType::f32),
               accumulate(clone(a), b).to(DType::f32), 0);
  }
}

TEST_CASE("gradients cross devices and are summed there", "[cuda]") {
  RV_NEEDS_CUDA();
  Tensor x = normal({64}, 0, 1);
  x.set_requires_grad(true);
  const Tensor a = x.to(cuda_device);
  const Tensor seed = normal({64}, 0, 1);
  a.backward(seed.to(cuda_device), {.retain_graph = true});
  a.backward(seed.to(cuda_device));
  CHECK(x.grad().device() == cpu_device);
  CHECK(to_vector(x.grad())[5] == 2 * to_vector(seed)[5]);
}

TEST_CASE("memory of a CUDA device is kept and counted", "[cuda]") {
  RV_NEEDS_CUDA();
  CachingAllocator& of_device = allocator(cuda_device);
  { const Tensor warm_up = empty({1 << 20}, {.device = cuda_device}); }
  const MemoryStats before = of_device.stats();
  const Tensor x = empty({1 << 20}, {.device = cuda_device});
  CHECK(of_device.stats().bytes_in_use - before.bytes_in_use == 4 << 20);
  CHECK(of_device.stats().system_allocations == before.system_allocations);
  CHECK_ERROR(empty({std::int64_t{1} << 45}, {.device = cuda_device}), ErrorCode::device,
              "out of memory on cuda:0: asked for");
  CHECK_ERROR(require_available({DeviceType::cuda, 99}), ErrorCode::device, "CUDA device(s), 0 to");
}

TEST_CASE("a tensor on a CUDA device is not read as if it were on the CPU", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = zeros({4}, {.device = cuda_device});
  CHECK_ERROR(x.data<float>(), ErrorCode::invalid_argument, "move it to the CPU to access it");
}

TEST_CASE("without a CUDA device the error says why") {
  if (is_available(cuda_device)) SKIP("there is a CUDA device");
  CHECK_ERROR(empty({2}, {.device = cuda_device}), ErrorCode::device,
              "cuda:0 is not available: this");
}

TEST_CASE("copies between CUDA devices wait for the work of both", "[cuda]") {
  RV_NEEDS_CUDA();
  if (cuda_device_count() < 2) SKIP("there is only one CUDA device");
  const Device other{DeviceType::cuda, 1};
  constexpr std::int64_t count = 1 << 18;
  Tensor x = zeros({count}, {.device = cuda_device});
  for (int i = 1; i <= 5; ++i) {
    fill(x, i);
    Tensor y = x.to(other);
    fill(x, -i);  // after it was copied
    CHECK(to_vector(y) == std::vector<double>(count, i));
    fill(y, 10 * i);
    copy_into(x, y);
    fill(y, -i);
    CHECK(to_vector(x) == std::vector<double>(count, 10 * i));
  }
}
