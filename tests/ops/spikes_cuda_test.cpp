// Spikes packed on a CUDA device are the CPU's, padding and all.
#include "ranvier/ops/spikes/spikes.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"
#include "tests/support/values.h"

using namespace ranvier;
using namespace ranvier::test;

TEST_CASE("spikes are packed and unpacked on a CUDA device", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  for (const std::int64_t columns : {1, 3, 31, 33, 64, 65, 72, 128, 1000})
    for (const std::int64_t rows : {1, 7, 301})
      for (const DType dtype :
           {DType::f32, DType::f64, DType::f16, DType::bf16, DType::u8, DType::i64}) {
        CAPTURE(rows, columns, name(dtype));
        const Tensor x = random_spikes({rows, columns}, 0.3, 4).to(dtype);
        const Tensor packed = to_bits(x.to(cuda_device));
        CHECK(same_bits(packed.to(cpu_device), to_bits(x)));
        check_same(from_bits(packed, dtype), x, 0);
      }
}

TEST_CASE("anything but zero is a spike on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = tensor({0, -0.0f, 1e-45f, NAN, -1, INFINITY, 0.5f});
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16})
    check_same(to_bits(x.to(dtype).to(cuda_device)), to_bits(x.to(dtype)), 0);
}

TEST_CASE("the gradient passes through packing on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : {DType::f32, DType::f64}) {
    Tensor x = random_spikes({5, 70}, 0.5, 4).to(dtype);
    x.set_requires_grad(true);
    check_on_cuda([&](const std::vector<Tensor>& v) { return from_bits(to_bits(v[0]), dtype); },
                  {x}, 0);
  }
}

TEST_CASE("spikes of a CUDA device are counted", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor bits = to_bits(random_spikes({50, 70}, 0.3, 4));
  CHECK(count_spikes(bits.to(cuda_device)) == count_spikes(bits));
  CHECK(density(bits.to(cuda_device)) == density(bits));
  CHECK(to_bits(empty({0, 5}, {.device = cuda_device})).shape() == Shape{0, 5});
}
