#include "ranvier/optim/clip.h"

#include <cmath>
#include <limits>

#include "ranvier/core/random.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/threads.h"

using namespace ranvier;
using test::Approx;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

NamedTensor with_gradient(const char* name, Tensor grad) {
  Tensor parameter = zeros(grad.shape());
  parameter.set_grad(std::move(grad));
  return {name, parameter};
}

}  // namespace

TEST_CASE("the gradient norm is that of all gradients together") {
  const NamedTensors parameters{
      with_gradient("a", tensor({3, 0})), {"none", zeros({2})}, with_gradient("b", tensor({4}))};
  CHECK(grad_norm(parameters) == 5);
  CHECK(grad_norm({{"none", zeros({2})}}) == 0);
}

TEST_CASE("clipping by norm scales all gradients as PyTorch does and returns the norm before") {
  const NamedTensors parameters{with_gradient("a", tensor({3, 0})),
                                with_gradient("b", tensor({4}))};
  CHECK(clip_grad_norm(parameters, 1) == 5);
  CHECK(to_vector(parameters[0].tensor.grad())[0] == Approx(3 / (5 + 1e-6)).epsilon(1e-7));
  CHECK(to_vector(parameters[1].tensor.grad())[0] == Approx(4 / (5 + 1e-6)).epsilon(1e-7));
}

TEST_CASE("gradients within the norm are left bit for bit") {
  const NamedTensors parameters{with_gradient("a", tensor({0.3f, 0.1f}))};
  const std::vector<double> before = to_vector(parameters[0].tensor.grad());
  CHECK(clip_grad_norm(parameters, 1) == Approx(std::sqrt(0.1)));
  CHECK(to_vector(parameters[0].tensor.grad()) == before);
}

TEST_CASE("a gradient shared under two names counts and is scaled once") {
  NamedTensors parameters{with_gradient("a", tensor({2}))};
  parameters.push_back({"b", parameters[0].tensor});
  CHECK(clip_grad_norm(parameters, 1) == 2);
  CHECK(parameters[0].tensor.grad().item() == Approx(1));
}

TEST_CASE("the gradient norm has the same bits for any number of threads") {
  Generator generator{5, 0};
  const NamedTensors parameters{with_gradient("a", normal({3'000'017}, 0, 1, generator))};
  const auto norm_with = [&](int count) {
    const test::Threads threads(count);
    return grad_norm(parameters);
  };
  const double norm = norm_with(1);
  CHECK(norm_with(3) == norm);
  CHECK(norm == Approx(std::sqrt(3'000'017)).epsilon(2e-3));
}

TEST_CASE("the norm of gradients that overflow f32 when squared is finite") {
  CHECK(grad_norm({with_gradient("a", tensor({3e30f, 4e30f}))}) == Approx(5e30).epsilon(1e-6));
}

TEST_CASE("a gradient that is not finite is named and none is changed") {
  const NamedTensors parameters{
      with_gradient("0.weight", tensor({9})),
      with_gradient("1.bias", tensor({1, std::numeric_limits<float>::infinity()})),
      with_gradient("2.bias", tensor({std::numeric_limits<float>::quiet_NaN()}))};
  CHECK_ERROR(clip_grad_norm(parameters, 1), ErrorCode::non_finite,
              "[grad_norm] the gradient of '1.bias' has a NaN or an infinity.");
  CHECK(parameters[0].tensor.grad().item() == 9);
}

TEST_CASE("clipping where the gradients are gives the norm as a tensor") {
  const NamedTensors parameters{with_gradient("a", tensor({3, 0})),
                                with_gradient("b", tensor({4}))};
  CHECK(grad_norm_on_device(parameters).item() == 5);
  CHECK(clip_grad_norm_on_device(parameters, 1).item() == 5);
  CHECK(to_vector(parameters[1].tensor.grad())[0] == Approx(4 / (5 + 1e-6)).epsilon(1e-7));
  CHECK(grad_norm_on_device({}).item() == 0);
}

TEST_CASE("clipping where the gradients are leaves those that are not finite") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const NamedTensors parameters{with_gradient("a", tensor({9})),
                                with_gradient("b", tensor({infinity}))};
  CHECK(clip_grad_norm_on_device(parameters, 1).item() == infinity);
  CHECK(parameters[0].tensor.grad().item() == 9);
  CHECK_ERROR(clip_grad_norm_on_device({}, 0), ErrorCode::invalid_argument,
              "[clip_grad_norm] max_norm must be > 0 and finite; got 0.");
}

TEST_CASE("clipping by value clamps every element") {
  const NamedTensors parameters{with_gradient("a", tensor({-3, -0.5f, 0, 0.25f, 7})),
                                {"none", zeros({2})}};
  clip_grad_value(parameters, 0.5);
  CHECK(to_vector(parameters[0].tensor.grad()) == std::vector<double>{-0.5, -0.5, 0, 0.25, 0.5});
}

TEST_CASE("clipping refuses bounds that are not positive and finite") {
  CHECK_ERROR(clip_grad_norm({}, 0), ErrorCode::invalid_argument,
              "[clip_grad_norm] max_norm must be > 0 and finite; got 0.");
  CHECK_ERROR(clip_grad_norm({}, not_a_number), ErrorCode::invalid_argument, "got nan.");
  CHECK_ERROR(clip_grad_value({}, -1), ErrorCode::invalid_argument,
              "[clip_grad_value] limit must be > 0 and finite; got -1.");
}
