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
  const Tensor old = rounded_copy(stale, DType::bf16);
  fill(stale, 3);
  CHECK_FALSE(detail::kept_copy(stale).defined());
  detail::RecordedCopies copies;
  {
    const detail::RecordedCopies::Recording recording(copies);
    CHECK(rounded_copy(weight, DType::bf16).raw_data() == copy.raw_data());
    // Renewed now, the copy would hold nothing until the launch: it is made by the launch itself.
    CHECK(rounded_copy(stale, DType::bf16).raw_data() != old.raw_data());
  }
  fill(weight, 0.3);
  CHECK_FALSE(is_rounded(copy, weight));
  copies.renew();
  CHECK(is_rounded(copy, weight));
}

TEST_CASE("recorded work keeps its copies, also where the weight is given another one") {
  Tensor weight = uniform({64}, -1, 1);
  const Tensor copy = rounded_copy(weight, DType::bf16);
  detail::RecordedCopies copies;
  {
    const detail::RecordedCopies::Recording recording(copies);
    rounded_copy(weight, DType::bf16);
  }
  CHECK(is_rounded(rounded_copy(weight, DType::f16), weight));
  fill(weight, 0.3);
  copies.renew();
  CHECK(is_rounded(copy, weight));
  CHECK(is_rounded(rounded_copy(weight, DType::f16), weight));
}

TEST_CASE("no copy is taken for up to date that a launch leaves behind") {
  Tensor weight = uniform({64}, -1, 1);
  detail::RecordedCopies copies;
  {
    const detail::RecordedCopies::Recording recording(copies);
    detail::mark_written(weight, false);
  }
  rounded_copy(weight, DType::bf16);
  const std::uint64_t version = weight.storage()->version();
  copies.renew();
  CHECK(weight.storage()->version() > version);
  weight.storage()->data()[3] = std::byte{0x40};  // what the launch writes
  CHECK(is_rounded(rounded_copy(weight, DType::bf16), weight));
}

TEST_CASE("a launch that may leave its writes out begins with copies that are up to date") {
  Tensor weight = uniform({64}, -1, 1);
  const Tensor copy = rounded_copy(weight, DType::bf16);
  detail::RecordedCopies copies;
  {
    const detail::RecordedCopies::Recording recording(copies);
    detail::mark_written(weight, true);
  }
  fill(weight, 0.3);
  copies.renew();
  CHECK(detail::kept_copy(weight).is_same(copy));
  CHECK(is_rounded(copy, weight));
}

TEST_CASE("a copy of a whole array is not that of its part") {
  const Tensor all = uniform({4, 8}, -1, 1);
  rounded_copy(all, DType::bf16);
  CHECK_FALSE(detail::kept_copy(Tensor(all.storage(), 0, {2, 8}, DType::f32)).defined());
}

TEST_CASE("only f32 is rounded to a kept copy") {
  CHECK_ERROR(rounded_copy(zeros({2}, {.dtype = DType::f64}), DType::bf16),
              ErrorCode::invalid_argument, "rounds f32 to bf16 or f16; got f64 to bf16");
  CHECK_ERROR(rounded_copy(zeros({2}), DType::f64), ErrorCode::invalid_argument, "f32 to f64");
}
