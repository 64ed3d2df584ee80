// Operations on 16-bit floats: each gives the numbers of the same operation on f32 copies of its
// operands, rounded once if its result is stored in 16 bit, and gradients likewise.
#include <functional>
#include <span>

#include "ranvier/core/autocast.h"
#include "ranvier/ops/norm/batch_norm.h"
#include "tests/support/cuda.h"

using namespace ranvier;
using namespace ranvier::test;

namespace {

using Leaves = std::vector<Tensor>;

enum class Result { stored, widened };  // in the dtype of the operands, or in f32

struct Case {
  const char* name;
  std::vector<Shape> operands;
  Result result;
  std::function<Tensor(const Leaves&)> run;
};

Leaves leaves_of(const Leaves& values, DType dtype, Device device) {
  Leaves leaves;
  for (const Tensor& value : values)
    leaves.push_back(value.to(dtype).to(device).set_requires_grad(true));
  return leaves;
}

/// `wide`, rounded to the dtype of `got`, holds the same bits.
void check_rounded(const Tensor& got, const Tensor& wide) {
  REQUIRE(got.defined() == wide.defined());
  if (!got.defined()) return;
  CHECK(got.shape() == wide.shape());
  CHECK(to_vector(got) == to_vector(wide.to(got.dtype())));
}

void check_case(const Case& of, DType dtype, Device device) {
  INFO(of.name << " " << name(dtype));
  Leaves values;  // that 16 bits hold
  for (const Shape& shape : of.operands)
    values.push_back(normal(shape, 0.5, 1).to(dtype).to(DType::f32));
  const Leaves narrow = leaves_of(values, dtype, device);
  const Leaves wide = leaves_of(values, DType::f32, device);
  const Generator start = default_generator();
  const Tensor got = of.run(narrow);
  default_generator() = start;  // for operations that draw
  const Tensor wanted = of.run(wide);
  CHECK(got.dtype() == (of.result == Result::stored ? dtype : wanted.dtype()));
  check_rounded(got, wanted);
  REQUIRE(got.requires_grad() == wanted.requires_grad());
  if (!got.requires_grad()) return;
  const Tensor seed =
      normal(got.shape(), 0, 1).to(is_floating(got.dtype()) ? got.dtype() : DType::f32).to(device);
  got.backward(seed);
  wanted.backward(seed.to(DType::f32));
  for (std::size_t i = 0; i < narrow.size(); ++i) {
    INFO("gradient of operand " << i);
    check_rounded(narrow[i].grad(), wide[i].grad());
  }
}

void check_cases(std::span<const Case> cases, Device device) {
  for (const DType dtype : {DType::bf16, DType::f16})
    for (const Case& of : cases) check_case(of, dtype, device);
}

// --- batch norm ---------------------------------------------------------------------------------

Tensor normalised(const Leaves& in, const BatchNormOptions& options) {
  const Device device = in[0].device();
  const std::int64_t channels = in[0].size(-1);
  const RunningStatistics running{full({channels}, 0.25, {.device = device}),
                                  full({channels}, 1.5, {.device = device})};
  return batch_norm(in[0], widened(in[1]), widened(in[2]), running, options);
}

std::vector<Case> batch_norm_cases() {
  std::vector<Case> cases;
  for (const BatchNormMode mode :
       {BatchNormMode::batch, BatchNormMode::step, BatchNormMode::frozen})
    for (const Shape& shape : {Shape{2, 3, 5}, Shape{3, 7, 9, 64}, Shape{4, 2500, 12}})
      cases.push_back({"batch_norm",
                       {shape, {shape[-1]}, {shape[-1]}},
                       Result::stored,
                       [mode](const Leaves& in) { return normalised(in, {.mode = mode}); }});
  return cases;
}

}  // namespace

TEST_CASE("batch norm of 16-bit floats rounds what it computes in f32") {
  check_cases(batch_norm_cases(), cpu_device);
}

TEST_CASE("batch norm of 16-bit floats on a CUDA device rounds what it computes in f32",
          "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  check_cases(batch_norm_cases(), cuda_device);
}
