#include "ranvier/ops/loss/one_hot.h"

#include "tests/support/catch.h"
#include "tests/support/errors.h"

using namespace ranvier;

TEST_CASE("labels become rows with a single one") {
  const Tensor labels = from_vector(std::vector<std::int64_t>{2, 0}, {2});
  CHECK(to_vector(one_hot(labels, 3)) == std::vector<double>{0, 0, 1, 1, 0, 0});
}

TEST_CASE("a label outside its classes is refused with its place") {
  const Tensor labels = from_vector(std::vector<std::int64_t>{0, 3}, {2});
  CHECK_ERROR(one_hot(labels, 3), ErrorCode::invalid_argument,
              "label 1 is 3; it must be in [0, 3)");
}
