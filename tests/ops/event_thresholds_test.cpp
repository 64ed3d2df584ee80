#include "ranvier/ops/spikes/event_thresholds.h"

#include "ranvier/core/autocast.h"
#include "ranvier/ops/spikes/detail/event_choice.h"
#include "ranvier/ops/spikes/spikes.h"
#include "tests/support/catch.h"
#include "tests/support/event_thresholds.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

bool chosen(double density) {
  return detail::choose_events({&EventThresholds::linear_forward, DType::f32, 128, 128},
                               to_bits(random_spikes({100, 128}, density, 1)));
}

}  // namespace

TEST_CASE("sparse spikes are multiplied by events and dense ones densely", "[event]") {
  CHECK(chosen(0));
  CHECK(chosen(0.1));
  CHECK_FALSE(chosen(0.6));
  CHECK_FALSE(detail::choose_events({&EventThresholds::linear_forward, DType::f32, 128, 128},
                                    random_spikes({100, 128}, 0.1, 1)));
}

TEST_CASE("each row is chosen by its own density", "[event]") {
  const Tensor bits = to_bits(random_spikes({300, 128}, 0.3, 1));
  const detail::EventChoice choice({&EventThresholds::linear_forward, DType::f32, 128, 128}, bits,
                                   300, 2, 128);
  const double most = event_thresholds(DType::f32).linear_forward;
  const std::vector<double> values = to_vector(bits);
  std::int64_t events = 0;
  for (std::int64_t row = 0; row < 300; ++row) {
    double count = 0;
    for (std::int64_t i = 0; i < 128; ++i) count += values[static_cast<std::size_t>(row * 128 + i)];
    CHECK((choice.flags()[row] != 0) == (count <= most * 128));
    events += choice.flags()[row];
  }
  CHECK(choice.events() == events);
  CHECK(events > 0);
  CHECK(events < 300);
}

TEST_CASE("thresholds decide, 0 for dense and 1 for events", "[event]") {
  {
    const AllThresholds forced(DType::f32, 0);
    CHECK_FALSE(chosen(0.1));
  }
  const AllThresholds forced(DType::f32, 1);
  CHECK(chosen(1));
}

TEST_CASE("autotuning sets thresholds that it returns", "[event]") {
  const AllThresholds restored(DType::f32, 0);
  const EventThresholds found = autotune_event_thresholds(DType::f32);
  CHECK(event_thresholds(DType::f32).conv_forward == found.conv_forward);
  for (const double value : {found.linear_forward, found.linear_weight_gradient, found.conv_forward,
                             found.conv_weight_gradient}) {
    CHECK(value >= 0);
    CHECK(value <= 0.9);
  }
}

TEST_CASE("thresholds say what they need", "[event][errors]") {
  CHECK_THROWS_WITH(event_thresholds(DType::f64),
                    "[event_thresholds] dense products are in f32 or bf16; got f64.");
  CHECK_THROWS_WITH(set_event_thresholds(DType::f32, {.linear_forward = 1.5}),
                    "[event_thresholds] thresholds are densities in [0, 1]; got 1.5.");
}

}  // namespace ranvier::test
