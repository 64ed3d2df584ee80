#include "ranvier/optim/loss_scale.h"

#include <limits>

#include "ranvier/core/cuda_graph.h"
#include "ranvier/core/tape.h"
#include "ranvier/optim/detail/loss_scale_kernels.h"
#include "ranvier/optim/optimizer.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"
#include "tests/support/values.h"

namespace ranvier::test {

using optim::adapted;
using optim::ScaleRules;
using optim::ScaleState;

TEST_CASE("a loss scale shrinks after an overflow and grows after calm steps") {
  constexpr ScaleRules rules{.growth = 2, .backoff = 0.5f, .interval = 3};
  ScaleState s{1024, 1.0f / 1024, 0, 0};
  const auto step = [&](bool overflow) {
    s.overflow = overflow ? 1.0f : 0.0f;
    s = adapted(rules, s);
    CHECK(s.overflow == 0);
    CHECK(s.factor * s.inverse == 1);
    return s.factor;
  };
  CHECK(step(false) == 1024);
  CHECK(step(false) == 1024);
  CHECK(step(false) == 2048);
  CHECK(step(false) == 2048);
  CHECK(step(true) == 1024);
  CHECK(step(false) == 1024);
  CHECK(step(false) == 1024);
  CHECK(step(false) == 2048);
  s.factor = 0x1p126f, s.inverse = 0x1p-126f, s.calm_steps = 2;
  CHECK(step(false) == 0x1p126f);
  s.factor = 0x1p-126f, s.inverse = 0x1p126f;
  CHECK(step(true) == 0x1p-126f);
}

TEST_CASE("loss scales refuse what would not be exact, and the CPU") {
  const Device cuda{DeviceType::cuda, 0};
  const auto code = ErrorCode::invalid_argument;
  CHECK_ERROR(LossScale(cpu_device), code, "[loss_scale] f16 products");
  CHECK_ERROR(LossScale(cuda, {.initial = 1000}), code, "must be powers of two; got 1000, 2");
  CHECK_ERROR(LossScale(cuda, {.growth = 0.5}), code, "growth >= 1");
  CHECK_ERROR(LossScale(cuda, {.backoff = 2}), code, "backoff <= 1");
  CHECK_ERROR(LossScale(cuda, {.interval = 0}), code, "interval must be >= 1; got 0");
}

TEST_CASE("scaled gradients move parameters as unscaled ones do", "[cuda]") {
  RV_NEEDS_CUDA();
  const bool recorded = GENERATE(false, true);
  for (const std::string& name : optimizer_names()) {
    CAPTURE(name, recorded);
    Tensor plain = random_values({70'001}, 1).to(cuda_device), scaled = clone(plain);
    const Tensor grad = random_values({70'001}, 2).to(cuda_device);
    plain.set_grad(grad);
    scaled.set_grad(random_values({70'001}, 2).to(cuda_device));
    for (int i = 0; i < 10; ++i) scaled.set_grad(accumulate(scaled.grad(), scaled.grad()));
    const auto without = make_optimizer(name, {{"w", plain}});
    const auto with = make_optimizer(name, {{"w", scaled}});
    with->set_loss_scale(LossScale(cuda_device, {.initial = 1024}));
    CHECK(with->loss_scale()->seed(0.5).item() == 512);
    for (int step = 0; step < 2; ++step) {
      without->step();
      if (recorded && step == 1) {
        const CudaGraph graph(cuda_device, [&] { with->launch_step(); });
        with->prepare_step();
        graph.launch();
      } else {
        with->step();
      }
    }
    check_same(scaled, plain.to(cpu_device), 0);
    CHECK(with->loss_scale()->factor() == 1024);
  }
}

TEST_CASE("a step whose gradients overflow is left out and shrinks the loss scale", "[cuda]") {
  RV_NEEDS_CUDA();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float wrong : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN()}) {
    Tensor a = full({5}, 1, {.device = cuda_device}), b = random_values({9'000}, 1).to(cuda_device);
    const std::vector<double> before = to_vector(b);
    a.set_grad(full({5}, 1, {.device = cuda_device}));
    std::vector<float> grad(9'000, 1.0f);
    grad[8'777] = wrong;
    b.set_grad(from_vector(grad, {9'000}).to(cuda_device));
    const auto adam = make_optimizer("adam", {{"a", a}, {"b", b}});
    adam->set_loss_scale(LossScale(cuda_device, {.initial = 64, .interval = 1}));
    adam->step();
    CHECK(to_vector(a) == std::vector<double>(5, 1.0));
    CHECK(to_vector(b) == before);
    CHECK(adam->loss_scale()->factor() == 32);
    b.set_grad(full({9'000}, 32, {.device = cuda_device}));
    adam->step();
    CHECK(to_vector(b) != before);
    CHECK(adam->loss_scale()->factor() == 64);
    CHECK(adam->state().back().name == "loss_scale");
  }
}

}  // namespace ranvier::test
