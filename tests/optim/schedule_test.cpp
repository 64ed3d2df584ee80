#include "ranvier/optim/schedule.h"

#include <cmath>
#include <limits>

#include "tests/support/catch.h"
#include "tests/support/errors.h"

using namespace ranvier;
using test::Approx;

namespace {

constexpr auto invalid = ErrorCode::invalid_argument;

// `expected` are the rates of PyTorch 1.13's scheduler of the same name.
void check_rates(const Schedule& schedule, const std::vector<double>& expected) {
  for (std::size_t step = 0; step < expected.size(); ++step) {
    INFO("step " << step);
    CHECK(schedule(static_cast<std::int64_t>(step)) == Approx(expected[step]).epsilon(1e-8));
  }
}

}  // namespace

TEST_CASE("the step schedule drops at every multiple") {
  check_rates(step_schedule(0.1, {.every = 3, .gamma = 0.5}),
              {0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025});
}

TEST_CASE("the multi-step schedule drops at its milestones") {
  check_rates(multi_step_schedule(0.1, {.milestones = {2, 5}}),
              {0.1, 0.1, 0.01, 0.01, 0.01, 0.001, 0.001, 0.001});
}

TEST_CASE("the cosine schedule falls to its lowest rate and stays there") {
  const Schedule schedule = cosine_schedule(0.1, {.length = 6, .lowest = 0.01});
  check_rates(schedule, {0.1, 0.0939711432, 0.0775, 0.055, 0.0325, 0.0160288568, 0.01});
  CHECK(schedule(6) == Approx(0.01));
  CHECK(schedule(1000) == schedule(6));
}

TEST_CASE("the one-cycle schedule rises, falls and stays at its last rate") {
  const Schedule schedule = one_cycle_schedule(0.1, {.length = 10});
  check_rates(schedule, {0.004, 0.052, 0.1, 0.0950484632, 0.0811745654, 0.0611262022, 0.0388741978,
                         0.0188258346, 0.0049519368, 4e-07});
  CHECK(schedule(11) == schedule(9));
  check_rates(
      one_cycle_schedule(0.1, {.length = 8, .rise = 0.5, .first_factor = 10, .last_factor = 100}),
      {0.01, 0.0325, 0.0775, 0.1, 0.0853699837, 0.05005, 0.0147300163, 0.0001});
}

TEST_CASE("a one-cycle too short to rise begins on its way down") {
  const Schedule schedule = one_cycle_schedule(0.1, {.length = 2});
  CHECK(std::isfinite(schedule(0)));
  CHECK(schedule(0) > schedule(1));
  CHECK(schedule(1) == Approx(4e-7));
}

TEST_CASE("warm-up rises to the first rate of the schedule that follows it") {
  check_rates(
      with_warmup(cosine_schedule(0.1, {.length = 6}), {.length = 4}),
      {0.1 / 3, 0.05, 0.2 / 3, 0.25 / 3, 0.1, 0.0933012702, 0.075, 0.05, 0.025, 0.00669872981, 0});
}

TEST_CASE("a warm-up of no steps changes nothing") {
  CHECK(with_warmup(constant_schedule(0.5), {.length = 0})(0) == 0.5);
}

TEST_CASE("schedules made by name fill the steps that warm-up leaves") {
  const auto rates = [](const char* name, std::vector<std::int64_t> steps) {
    const Schedule schedule = make_schedule(name, {.lr = 1, .length = 13, .warmup = 1});
    std::vector<double> found;
    for (const std::int64_t step : steps) found.push_back(schedule(step));
    return found;
  };
  CHECK(rates("constant", {0, 1, 12}) == std::vector<double>{1. / 3, 1, 1});
  CHECK(rates("step", {0, 4, 5, 8, 9})[1] == 1);
  CHECK(rates("step", {5, 8, 9})[0] == Approx(0.1));
  CHECK(rates("step", {5, 8, 9})[1] == Approx(0.1));
  CHECK(rates("step", {5, 8, 9})[2] == Approx(0.01));
  CHECK(rates("multistep", {6, 7, 9, 10})[0] == 1);
  CHECK(rates("multistep", {6, 7, 9, 10})[1] == Approx(0.1));
  CHECK(rates("multistep", {6, 7, 9, 10})[2] == Approx(0.1));
  CHECK(rates("multistep", {6, 7, 9, 10})[3] == Approx(0.01));
  CHECK(rates("cosine", {1, 7, 13})[0] == 1);
  CHECK(rates("cosine", {1, 7, 13})[1] == Approx(0.5));
  CHECK(rates("cosine", {1, 7, 13})[2] == 0);
  CHECK(rates("onecycle", {1, 12})[0] == Approx(0.04));
  CHECK(rates("onecycle", {1, 12})[1] == Approx(4e-6));
}

TEST_CASE("every schedule by name works for the shortest run it accepts") {
  for (const std::string& name : schedule_names()) {
    const std::int64_t length = name == "onecycle" ? 2 : 1;
    CHECK(make_schedule(name, {.lr = 1, .length = length})(0) > 0);
  }
}

TEST_CASE("a schedule that nobody knows is refused with the names of those there are") {
  CHECK_ERROR(make_schedule("linear", {.lr = 1, .length = 5}), invalid,
              "[schedule] the name must be one of constant, step, multistep, cosine, onecycle; "
              "got 'linear'.");
  CHECK(schedule_names().size() == 5);
}

TEST_CASE("schedules refuse options outside their ranges") {
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK_ERROR(constant_schedule(-1), invalid, "[schedule] lr must be >= 0 and finite; got -1.");
  CHECK_ERROR(constant_schedule(infinity), invalid, "lr must be >= 0 and finite; got inf.");
  CHECK_ERROR(step_schedule(1, {.every = 0}), invalid, "[schedule] every must be >= 1; got 0.");
  CHECK_ERROR(step_schedule(1, {.every = 1, .gamma = 0}), invalid,
              "[schedule] gamma must be > 0 and finite; got 0.");
  CHECK_ERROR(multi_step_schedule(1, {.milestones = {3, 9, 5}}), invalid,
              "[schedule] milestones must increase; got 5 after 9.");
  CHECK_ERROR(cosine_schedule(1, {.length = 0}), invalid,
              "[schedule] cosine needs a length >= 1; got 0.");
  CHECK_ERROR(cosine_schedule(1, {.length = 2, .lowest = 3}), invalid,
              "[schedule] lowest must be in [0, lr = 1]; got 3.");
  CHECK_ERROR(one_cycle_schedule(1, {.length = 1}), invalid,
              "[schedule] onecycle needs a length >= 2; got 1.");
  CHECK_ERROR(one_cycle_schedule(1, {.length = 2, .rise = 1}), invalid,
              "[schedule] rise must be in (0, 1); got 1.");
  CHECK_ERROR(one_cycle_schedule(1, {.length = 2, .first_factor = 0.5}), invalid,
              "[schedule] first_factor and last_factor must be >= 1; got 0.5 and 10000.");
  CHECK_ERROR(with_warmup(constant_schedule(1), {.length = -1}), invalid,
              "[schedule] warm-up needs a length >= 0; got -1.");
  CHECK_ERROR(with_warmup(constant_schedule(1), {.length = 1, .start = 0}), invalid,
              "[schedule] warm-up must start in (0, 1]; got 0.");
  CHECK_ERROR(make_schedule("cosine", {.lr = 1, .length = 5, .warmup = 5}), invalid,
              "[schedule] warm-up must be in [0, length = 5) steps; got 5.");
}
