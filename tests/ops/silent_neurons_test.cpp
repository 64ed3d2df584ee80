// Neurons that nobody excites, whose membranes fade.
#include <cmath>

#include "ranvier/ops/fused/norm_neuron_pool.h"
#include "ranvier/ops/neurons/recurrent_scan.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/reduce/sum.h"
#include "tests/support/catch.h"
#include "tests/support/values.h"

namespace ranvier {
namespace {

const Neuron halves = LIFOptions{.tau = 2.0};
constexpr std::int64_t steps = 16, count = 200;
// Sixteen times halved it is below the least normal number, but not zero.
constexpr double tiny = 1e-37;

/// Whether this thread's own arithmetic knows subnormal numbers.
bool has_subnormals() {
  volatile float least = 1.2e-38F;
  return least * 0.5F != 0;
}

}  // namespace

TEST_CASE("membranes that fade end at zero, and so do gradients") {
  const Tensor start = full({count}, tiny).set_requires_grad(true);
  const Tensor x = zeros({steps, count});
  std::vector<Tensor> before{start};
  NeuronState after;
  SECTION("of a scan") {
    after = scan(halves, x, NeuronState(before), {.final_state = true}).state;
  }
  SECTION("of recurrent neurons") {
    before.push_back(zeros({count}));
    after =
        recurrent_scan(halves, x, zeros({count, count}), NeuronState(before), {.final_state = true})
            .state;
  }
  SECTION("behind batch norm") {
    const RunningStatistics running{zeros({count}), full({count}, 1)};
    after =
        norm_neuron_pool(x, full({count}, 1), zeros({count}), running, halves, NeuronState(before),
                         {.norm = {.mode = BatchNormMode::frozen}, .final_state = true})
            .state;
  }
  CHECK(to_vector(after.membrane()) == std::vector<double>(count, 0.0));

  sum(mul(after.membrane(), full({count}, tiny))).backward();
  CHECK(to_vector(start.grad()) == std::vector<double>(count, 0.0));
  CHECK(has_subnormals());
}

}  // namespace ranvier
