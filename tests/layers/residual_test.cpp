#include "ranvier/layers/residual.h"

#include "ranvier/core/random.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/ops/shape/slice.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

using namespace ranvier;

TEST_CASE("a residual connection adds its input to what its body makes of it") {
  seed(8);
  Sequential body(Linear({.in = 4, .out = 4}), LIF());
  const Tensor x = uniform({3, 2, 4}, 0, 3);
  const auto alone = to_vector(body(x)), input = to_vector(x);
  Residual residual(std::move(body));
  const auto sum = to_vector(residual(x, State{}).output);
  for (std::size_t i = 0; i < sum.size(); ++i)
    CHECK(sum[i] ==
          static_cast<double>(static_cast<float>(alone[i]) + static_cast<float>(input[i])));
}

TEST_CASE("a residual connection carries the state of both sides over a cut in time") {
  seed(9);
  Residual residual(Sequential(Linear({.in = 4, .out = 3}), LIF()),
                    Sequential(Linear({.in = 4, .out = 3}), IF()));
  const Tensor x = uniform({6, 2, 4}, -1, 3);
  const auto whole = to_vector(residual(x, State{}).output);
  Shard first = residual(slice(x, 0, 0, 2), State{});
  Shard second = residual(slice(x, 0, 2, 6), first.state);
  auto joined = to_vector(first.output);
  const auto rest = to_vector(second.output);
  joined.insert(joined.end(), rest.begin(), rest.end());
  CHECK(joined == whole);
}

TEST_CASE("sides of a residual connection that differ in shape are refused") {
  Residual residual(Linear({.in = 4, .out = 3}));
  CHECK_ERROR(residual(zeros({2, 4}), State{}), ErrorCode::invalid_argument,
              "body and shortcut must give the same shape; got (2, 3) and (2, 4).");
}
