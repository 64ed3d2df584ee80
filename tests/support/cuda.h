// Tests of what CUDA devices compute: they skip aloud where there is none, and fail there if the
// environment variable RANVIER_REQUIRE_CUDA is 1.
#pragma once

#include <cmath>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <vector>

#include "ranvier/core/device.h"
#include "ranvier/core/random.h"
#include "ranvier/core/tensor.h"
#include "tests/support/catch.h"

namespace ranvier::test {

inline constexpr Device cuda_device{DeviceType::cuda, 0};

inline bool cuda_is_required() {
  const char* const variable = std::getenv("RANVIER_REQUIRE_CUDA");
  return variable != nullptr && std::string_view(variable) == "1";
}

/// Checks that `on_cuda` holds what `on_cpu` does: each element within `tolerance` times the
/// largest magnitude; 0: the same numbers.
inline void check_same(const Tensor& on_cuda, const Tensor& on_cpu, double tolerance) {
  REQUIRE(on_cuda.defined() == on_cpu.defined());
  if (!on_cpu.defined()) return;
  REQUIRE(on_cuda.device() == cuda_device);
  REQUIRE(on_cuda.shape() == on_cpu.shape());
  REQUIRE(on_cuda.dtype() == on_cpu.dtype());
  const std::vector<double> got = to_vector(on_cuda), wanted = to_vector(on_cpu);
  double largest = 0;
  for (const double value : wanted)
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  std::size_t wrong = 0, first = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const bool same = got[i] == wanted[i] || (std::isnan(got[i]) && std::isnan(wanted[i])) ||
                      std::abs(got[i] - wanted[i]) <= tolerance * largest;
    if (!same && wrong++ == 0) first = i;
  }
  if (wrong == 0)
    SUCCEED();
  else
    FAIL_CHECK("element " << first << ": " << got[first] << " on CUDA, " << wanted[first]
                          << " on the CPU; " << wrong << " of " << got.size() << " differ");
}

/// `x` on the CUDA device, a leaf that wants a gradient if `x` does.
inline Tensor leaf_on_cuda(const Tensor& x) {
  if (!x.defined()) return x;
  Tensor copy = x.detach().to(cuda_device);
  copy.set_requires_grad(x.requires_grad());
  return copy;
}

/// Runs `f` on leaves on the CPU and on copies of them on the CUDA device, with one random gradient
/// of its result, and checks that results and the leaves' gradients are the same.
inline void check_on_cuda(const std::function<Tensor(const std::vector<Tensor>&)>& f,
                          const std::vector<Tensor>& leaves, double tolerance) {
  std::vector<Tensor> moved;
  for (const Tensor& leaf : leaves) moved.push_back(leaf_on_cuda(leaf));
  const Generator start = default_generator();
  const Tensor on_cpu = f(leaves);
  const Generator end = default_generator();
  default_generator() = start;  // for operations that draw
  const Tensor on_cuda = f(moved);
  CHECK(default_generator().next_block == end.next_block);
  check_same(on_cuda, on_cpu, tolerance);
  if (!on_cpu.requires_grad()) return;
  REQUIRE(on_cuda.requires_grad());
  const DType dtype = on_cpu.dtype() == DType::bits ? DType::f32 : on_cpu.dtype();
  const Tensor seed = normal(on_cpu.shape(), 0, 1).to(dtype);
  for (Tensor leaf : leaves)  // they may have served before
    if (leaf.defined()) leaf.set_grad({});
  on_cpu.backward(seed);
  on_cuda.backward(seed.to(cuda_device));
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (!leaves[i].defined()) continue;
    INFO("gradient of leaf " << i);
    check_same(moved[i].grad(), leaves[i].grad(), tolerance);
  }
}

}  // namespace ranvier::test

/// Begins the body of a test case that needs a CUDA device.
#define RV_NEEDS_CUDA()                                                       \
  do {                                                                        \
    if (!ranvier::is_available(ranvier::test::cuda_device)) {                 \
      if (ranvier::test::cuda_is_required()) FAIL("there is no CUDA device"); \
      SKIP("there is no CUDA device");                                        \
    }                                                                         \
  } while (false)
