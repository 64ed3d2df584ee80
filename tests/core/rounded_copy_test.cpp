#include "ranvier/core/rounded_copy.h"

#include "ranvier/core/random.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

using namespace ranvier;

namespace {

bool is_rounded(const Tensor& copy, const Tensor& weight) {
  return to_vector(copy) == to_vector(weight.to(copy.dtype()));
}

}  // namespace

TEST_CASE("a rounded copy is kept until its weight is written") {
  Tensor weight = uniform({33, 7}, -1, 1);
  const Tensor copy = rounded_copy(weight, DType::bf16);
  CHECK(copy.dtype() == DType::bf16);
  CHECK(copy.shape() == weight.shape());
  CHECK(is_rounded(copy, weight));
  CHECK(rounded_copy(weight, DType::bf16).raw_data() == copy.raw_data());

  copy_into(weight, uniform({33, 7}, -1, 1));
  CHECK_FALSE(is_rounded(copy, weight));
  CHECK(rounded_copy(weight, DType::bf16).raw_data() == copy.raw_data());
  CHECK(is_rounded(copy, weight));

  CHECK(is_rounded(rounded_copy(weight, DType::f16), weight));
  CHECK(is_rounded(rounded_copy(weight.to(DType::f32), DType::bf16), weight));
}

TEST_CASE("of part of an array no copy is kept") {
  const Tensor all = uniform({4, 8}, -1, 1);
  const Tensor part(all.storage(), 0, {2, 8}, DType::f32);
  CHECK(is_rounded(rounded_copy(part, DType::bf16), part));
  CHECK_FALSE(detail::kept_copy(part).defined());
}

TEST_CASE("recorded work finds its copies up to date at every launch") {
  Tensor weight = uniform({64}, -1, 1), stale = uniform({64}, -1, 1);
  const Tensor copy = rounded_copy(weight, DType::bf16);
  rounded_copy(stale, DType::bf16);
  fill(stale, 3);
  detail::RecordedCopies copies;
  {
    const detail::RecordedCopies::Recording recording(copies);
    CHECK(rounded_copy(weight, DType::bf16).raw_data() == copy.raw_data());
    // Renewed now, the copy would hold nothing until the launch: it is made by the launch itself.
    CHECK(rounded_copy(stale, DType::bf16).raw_data() != detail::kept_copy(stale).raw_data());
  }
  fill(weight, 0.3);
  CHECK_FALSE(is_rounded(copy, weight));
  copies.renew();
  CHECK(is_rounded(copy, weight));
}

TEST_CASE("only f32 is rounded to a kept copy") {
  CHECK_ERROR(rounded_copy(zeros({2}, {.dtype = DType::f64}), DType::bf16),
              ErrorCode::invalid_argument, "rounds f32 to bf16 or f16; got f64 to bf16");
  CHECK_ERROR(rounded_copy(zeros({2}), DType::f64), ErrorCode::invalid_argument, "f32 to f64");
}
