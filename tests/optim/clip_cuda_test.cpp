#include "ranvier/optim/clip.h"

#include <limits>

#include "ranvier/core/cuda_graph.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

// Gradients of many lengths, more than one launch takes.
NamedTensors gradients_on(Device device) {
  NamedTensors result;
  const auto add = [&](std::int64_t count) {
    Tensor parameter = zeros({count}, {.device = device});
    parameter.set_grad(
        random_values({count}, static_cast<std::uint64_t>(result.size())).to(device));
    result.push_back({fmt::format("p{}", result.size()), parameter});
  };
  for (const std::int64_t count : {1, 5, 0, 4096, 4097, 700'001}) add(count);
  for (int i = 0; i < 60; ++i) add(i + 1);
  return result;
}

}  // namespace

TEST_CASE("gradient norms on a CUDA device are the CPU's", "[cuda]") {
  RV_NEEDS_CUDA();
  const double expected = grad_norm(gradients_on(cpu_device));
  const NamedTensors gradients = gradients_on(cuda_device);
  const double norm = grad_norm(gradients);
  CHECK(norm == Approx(expected).epsilon(1e-12));
  CHECK(grad_norm(gradients) == norm);
  const Tensor on_device = grad_norm_on_device(gradients);
  CHECK(on_device.device() == cuda_device);
  CHECK(on_device.item() == norm);
}

TEST_CASE("gradients on a CUDA device are clipped as on the CPU", "[cuda]") {
  RV_NEEDS_CUDA();
  const double max_norm = GENERATE(0.5, 1e9);
  const bool waits = GENERATE(true, false);
  const NamedTensors cpu = gradients_on(cpu_device), cuda = gradients_on(cuda_device);
  clip_grad_norm(cpu, max_norm);
  if (waits)
    clip_grad_norm(cuda, max_norm);
  else
    clip_grad_norm_on_device(cuda, max_norm);
  for (std::size_t i = 0; i < cpu.size(); ++i)
    check_same(cuda[i].tensor.grad(), cpu[i].tensor.grad(), 2e-7);
  clip_grad_value(cpu, 1e-4);
  clip_grad_value(cuda, 1e-4);
  for (std::size_t i = 0; i < cpu.size(); ++i)
    check_same(cuda[i].tensor.grad(), cpu[i].tensor.grad(), 1e-2);
}

TEST_CASE("a gradient on a CUDA device that is not finite is named, and stays", "[cuda]") {
  RV_NEEDS_CUDA();
  NamedTensors gradients = gradients_on(cuda_device);
  Tensor broken = random_values({30}, 1);
  broken.mutable_data<float>()[29] = std::numeric_limits<float>::infinity();
  gradients[33].tensor = zeros({30}, {.device = cuda_device});
  gradients[33].tensor.set_grad(broken.to(cuda_device));
  CHECK_ERROR(clip_grad_norm(gradients, 1), ErrorCode::non_finite,
              "[grad_norm] the gradient of 'p33' has a NaN or an infinity.");
  const std::vector<double> before = to_vector(gradients[4].tensor.grad());
  CHECK_FALSE(std::isfinite(clip_grad_norm_on_device(gradients, 1).item()));
  CHECK(to_vector(gradients[4].tensor.grad()) == before);
}

TEST_CASE("clipping is recorded without waiting", "[cuda]") {
  RV_NEEDS_CUDA();
  const NamedTensors gradients = gradients_on(cuda_device);
  clip_grad_norm_on_device(gradients, 1e9);  // once for real: memory
  const CudaGraph graph(cuda_device, [&] { clip_grad_norm_on_device(gradients, 1); });
  graph.launch();
  CHECK(grad_norm(gradients) == Approx(1).epsilon(1e-5));
}

}  // namespace ranvier::test
