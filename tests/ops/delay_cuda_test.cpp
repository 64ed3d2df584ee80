#include "ranvier/ops/sequence/delay.h"
#include "ranvier/ops/shape/shape_ops.h"
#include "ranvier/ops/shape/slice.h"
#include "tests/support/cuda.h"
#include "tests/support/values.h"

using namespace ranvier;
using namespace ranvier::test;

namespace {

using Inputs = std::vector<Tensor>;

struct Case {
  Shape x;
  std::int64_t most;
};
const std::vector<Case> cases{{{1, 1}, 1},           {{7, 3, 5}, 4},     {{3, 2, 8}, 9},
                              {{100, 16, 128}, 25},  {{250, 2, 35}, 40}, {{70, 5, 3, 3, 2}, 12},
                              {{40, 128, 1000}, 10}, {{500, 1, 4}, 300}, {{5, 0, 3}, 2}};

/// All over [-1, most + 1].
Tensor delays_for(const Case& of, DType dtype) {
  Generator generator{.seed = 4};
  return uniform({of.x[-1]}, -1, static_cast<double>(of.most) + 1, generator).to(dtype);
}

Tensor leaf(const Shape& shape, std::uint64_t seed, DType dtype) {
  return random_values(shape, seed, dtype).set_requires_grad(true);
}

}  // namespace

TEST_CASE("delayed values and the gradients of x and state are the CPU's bit for bit on CUDA",
          "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Case& of : cases)
      for (const bool rounded : {false, true})
        for (const bool after : {false, true}) {
          INFO(name(dtype) << " " << to_string(of.x) << " up to " << of.most << ", rounded "
                           << rounded << ", the state after " << after);
          const Tensor delays = delays_for(of, dtype);
          check_on_cuda(
              [&](const Inputs& in) {
                const DelayResult result =
                    delay(in[0], delays.to(in[0].device()), in.size() > 1 ? in[1] : Tensor(),
                          {.max_delay = of.most, .rounded = rounded, .final_state = after});
                return after ? result.state : result.output;
              },
              {leaf(of.x, 1, dtype), leaf(of.x.with(0, of.most), 2, dtype)}, 0);
        }
}

TEST_CASE("gradients of delays are the CPU's on a CUDA device", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Case& of : cases)
      for (const bool at_rest : {false, true}) {
        INFO(name(dtype) << " " << to_string(of.x) << " up to " << of.most << ", at rest "
                         << at_rest);
        const Tensor x = random_values(of.x, 1, dtype);
        const Tensor state = random_values(of.x.with(0, of.most), 2, dtype);
        check_on_cuda(
            [&](const Inputs& in) {
              const Device device = in[0].device();
              return delay(x.to(device), in[0], at_rest ? Tensor() : state.to(device),
                           {.max_delay = of.most})
                  .output;
            },
            {delays_for(of, dtype).set_requires_grad(true)}, dtype == DType::f32 ? 1e-6 : 1e-13);
      }
}

TEST_CASE("sequences that begin anywhere in memory are delayed on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  const Case of{{8, 3, 4}, 5};
  const auto output = [&](Device device) {
    const Tensor all = random_values({9 * 12 + 1}, 1).to(device);
    const Tensor x = reshape(slice(all, 0, 1, 8 * 12 + 1), of.x);  // 4 bytes in
    return delay(x, delays_for(of, DType::f32).to(device), {}, {.max_delay = of.most}).output;
  };
  check_same(output(cuda_device), output(cpu_device), 0);
}
