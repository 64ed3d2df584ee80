#include "ranvier/core/dispatch.h"

#include "tests/support/catch.h"

namespace ranvier::test {
namespace {

int on_cpu() { return 1; }

}  // namespace

TEST_CASE("a kernel is picked by the kind of device", "[dispatch]") {
  const DeviceKernels<int()> kernels{.cpu = on_cpu};
  CHECK(kernel_for("twice", cpu_device, kernels)() == 1);
  CHECK_THROWS_WITH(kernel_for("twice", Device{DeviceType::cuda, 0}, kernels),
                    "[twice] no CUDA kernel in this build.");
  CHECK_THROWS_WITH(kernel_for("twice", cpu_device, DeviceKernels<int()>{}),
                    "[twice] no CPU kernel in this build.");
}

TEST_CASE("kernels run at one level of the instruction set", "[dispatch]") {
  const int picked = pick_isa(2, 3, 4);
  CHECK(picked == static_cast<int>(isa_level()));
  CHECK(std::string(name(isa_level())) == "x86-64-v" + std::to_string(picked));
}

}  // namespace ranvier::test
