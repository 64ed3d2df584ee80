#include "ranvier/layers/init.h"

#include <cmath>
#include <limits>
#include <utility>

#include "ranvier/ops/matmul/matmul.h"
#include "ranvier/ops/shape/shape_ops.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/threads.h"
#include "tests/support/values.h"

using namespace ranvier;

TEST_CASE("columns of an orthogonal matrix, or its rows if these are fewer, are so") {
  for (const auto& [rows, columns] : {std::pair{1, 1}, {40, 40}, {65, 7}, {7, 65}, {1, 9}}) {
    INFO(rows << " x " << columns);
    const Tensor w = init_orthogonal(rows, columns, 1.5).detach();
    const Tensor products = rows >= columns ? matmul(transpose(w), w) : matmul(w, transpose(w));
    const std::int64_t n = std::min(rows, columns);
    REQUIRE(products.shape() == Shape{n, n});
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j)
        CHECK(products.data<float>()[i * n + j] == Approx(i == j ? 2.25 : 0).margin(1e-5));
  }
}

TEST_CASE("an orthogonal matrix prefers no direction") {
  // Without the signs of R's diagonal the element would be negative in all matrices.
  int positive = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Generator generator{.seed = seed};
    positive += init_orthogonal(3, 3, 1, generator).data<float>()[0] > 0;
  }
  CHECK(std::abs(positive - 100) < 35);  // 5 standard deviations
}

TEST_CASE("an orthogonal matrix follows from the seed alone, with any number of threads") {
  const auto made = [](int threads) {
    const test::Threads scope(threads);
    Generator generator{.seed = 7};
    return init_orthogonal(130, 130, 1, generator);
  };
  const Tensor one = made(1);
  CHECK(one.requires_grad());
  CHECK(test::same_bits(made(2).detach(), one.detach()));
  Generator other{.seed = 8};
  CHECK_FALSE(test::same_bits(init_orthogonal(130, 130, 1, other).detach(), one.detach()));
}

TEST_CASE("an orthogonal matrix without rows, or of no finite length, is refused") {
  CHECK_ERROR(init_orthogonal(0, 3), ErrorCode::invalid_argument, "at least 1 x 1; got 0 x 3.");
  CHECK_ERROR(init_orthogonal(3, 3, std::numeric_limits<double>::infinity()),
              ErrorCode::invalid_argument, "gain must be finite; got inf.");
}
