// Operations on 16-bit floats: each gives the numbers of the same operation on f32 copies of its
// operands, rounded once if its result is stored in 16 bit, and gradients likewise.
#include <functional>
#include <span>

#include "ranvier/core/autocast.h"
#include "ranvier/ops/dropout/dropout.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/loss/softmax.h"
#include "ranvier/ops/norm/batch_norm.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/pool/pool2d.h"
#include "ranvier/ops/reduce/extrema.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/reduce/variance.h"
#include "ranvier/ops/sequence/lengths.h"
#include "ranvier/ops/sequence/readout.h"
#include "ranvier/ops/shape/broadcast.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/index_select.h"
#include "ranvier/ops/shape/shape_ops.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/ops/spikes/spikes.h"
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

// --- operations that keep the dtype of x --------------------------------------------------------

std::vector<Case> pool_cases() {
  const Pool2dOptions overlapping{.kernel = {3, 2}, .stride = {2, 1}, .padding = {1, 1}};
  std::vector<Case> cases;
  const auto add = [&](const char* name, auto run) {
    for (const Shape& shape : {Shape{2, 3, 7, 6, 5}, Shape{3, 9, 8, 64}})
      cases.push_back(
          {name, {shape}, Result::stored, [run](const Leaves& in) { return run(in[0]); }});
  };
  add("max_pool2d", [](const Tensor& x) { return max_pool2d(x); });
  add("avg_pool2d", [](const Tensor& x) { return avg_pool2d(x); });
  add("overlapping max_pool2d", [=](const Tensor& x) { return max_pool2d(x, overlapping); });
  add("overlapping avg_pool2d", [=](const Tensor& x) { return avg_pool2d(x, overlapping); });
  add("adaptive_max_pool2d", [](const Tensor& x) { return adaptive_max_pool2d(x, {2, 4}); });
  add("adaptive_avg_pool2d", [](const Tensor& x) { return adaptive_avg_pool2d(x, {2, 4}); });
  add("global_avg_pool2d", [](const Tensor& x) { return global_avg_pool2d(x); });
  return cases;
}

Tensor rows_of(const Tensor& x) {
  return index_select(x, from_vector<std::int64_t>({3, 0, 3, 1, 3}, {5}));
}

std::vector<Case> moves() {
  const auto of = [](auto run) { return [run](const Leaves& in) { return run(in[0]); }; };
  const Shape a{4, 3, 10}, b{4, 2, 10};
  constexpr Result stored = Result::stored;
  return {{"reshape", {a}, stored, of([](const Tensor& x) {
             return reshape(x, {8, 15});
           })},
          {"flatten", {a}, stored, of([](const Tensor& x) { return flatten(x, 1); })},
          {"first axis sliced", {a}, stored, of([](const Tensor& x) { return slice(x, 0, 1, 3); })},
          {"last axis sliced", {a}, stored, of([](const Tensor& x) { return slice(x, 2, 3, 8); })},
          {"permute", {a}, stored, of([](const Tensor& x) {
             return permute(x, {2, 0, 1});
           })},
          {"index_select", {a}, stored, of(rows_of)},
          {"broadcast_to", {{3, 1}}, stored, of([](const Tensor& x) {
             return broadcast_to(x, {40, 3, 7});
           })},
          {"repeat_time", {a}, stored, of([](const Tensor& x) { return repeat_time(x, 5); })},
          {"concat", {a, b}, stored, [](const Leaves& in) { return concat(in, 1); }},
          {"stack", {a, a}, stored, [](const Leaves& in) { return stack(in, 1); }}};
}

// --- operations whose results are f32 -----------------------------------------------------------

std::vector<Case> pointwise_cases() {
  const auto of = [](auto run) { return [run](const Leaves& in) { return run(in[0]); }; };
  const auto both = [](auto run) { return [run](const Leaves& in) { return run(in[0], in[1]); }; };
  const Shape a{30, 70}, odd{3, 17}, row{70};
  constexpr Result wide = Result::widened, stored = Result::stored;
  return {
      {"exp", {a}, wide, of([](const Tensor& x) { return exp(x); })},
      {"square", {a}, wide, of([](const Tensor& x) { return square(x); })},
      {"relu", {a}, wide, of([](const Tensor& x) { return relu(x); })},
      {"clamp", {a}, wide, of([](const Tensor& x) { return clamp(x, -0.5, 0.5); })},
      {"scaled", {a}, wide, of([](const Tensor& x) { return 1.5 - x * 0.3; })},
      {"add", {a, a}, stored, both([](const Tensor& x, const Tensor& y) { return x + y; })},
      {"add", {odd, odd}, stored, both([](const Tensor& x, const Tensor& y) { return x + y; })},
      {"add a row", {a, row}, wide, both([](const Tensor& x, const Tensor& y) { return x + y; })},
      {"mul", {a, row}, wide, both([](const Tensor& x, const Tensor& y) { return x * y; })},
      {"maximum", {a, row}, wide, both([](const Tensor& x, const Tensor& y) {
         return maximum(x, y);
       })},
      {"16 bit with f32", {a, a}, wide, both([](const Tensor& x, const Tensor& y) {
         return x / widened(y);
       })}};
}

Tensor labels_on(Device device) { return from_vector<std::int64_t>({6, 0, 3, 3}, {4}).to(device); }

std::vector<Case> others() {
  const auto of = [](auto run) { return [run](const Leaves& in) { return run(in[0]); }; };
  const Shape x{5, 4, 7}, scores{4, 7};
  constexpr Result wide = Result::widened;
  std::vector<Case> cases{
      {"sum", {x}, wide, of([](const Tensor& a) { return sum(a); })},
      {"mean over time", {x}, wide, of([](const Tensor& a) { return mean(a, {0}); })},
      {"sum over many steps", {{25, 12, 10}}, wide, of([](const Tensor& a) {
         return sum(a, {0});
       })},
      {"mean of odd rows", {{70, 31}}, wide, of([](const Tensor& a) { return mean(a, {0}); })},
      {"mean over channels", {{6, 300}}, wide, of([](const Tensor& a) { return mean(a, {1}); })},
      {"sum over axes apart", {x}, wide, of([](const Tensor& a) {
         return sum(a, {0, 2});
       })},
      {"var", {x}, wide, of([](const Tensor& a) { return var(a, {1}); })},
      {"max", {x}, wide, of([](const Tensor& a) { return max(a, {0}); })},
      {"argmax", {x}, wide, of([](const Tensor& a) { return argmax(a, {2}); })},
      {"softmax", {x}, wide, of([](const Tensor& a) { return softmax(a); })},
      {"log_softmax", {x}, wide, of([](const Tensor& a) { return log_softmax(a); })},
      {"dropout", {x}, Result::stored, of([](const Tensor& a) { return dropout(a, {}, true); })},
      {"cross_entropy", {scores}, wide, of([](const Tensor& a) {
         return cross_entropy(a, labels_on(a.device()));
       })},
      {"correct", {scores}, wide, of([](const Tensor& a) {
         return correct(a, labels_on(a.device()));
       })},
      {"mse_loss", {x, x}, wide, [](const Leaves& in) { return mse_loss(in[0], in[1]); }},
      {"mse_loss of f32 targets",
       {x, x},
       wide,
       [](const Leaves& in) { return mse_loss(in[0], widened(in[1])); }},
      {"to_bits", {x}, wide, of([](const Tensor& a) { return to_bits(a); })}};
  for (const Readout readout : {Readout::sum, Readout::mean, Readout::last, Readout::max})
    cases.push_back({name(readout), {x}, wide, [readout](const Leaves& in) {
                       const Tensor lengths = from_vector<std::int64_t>({5, 1, 3, 2}, {4});
                       return read_out(readout, in[0], lengths.to(in[0].device()));
                     }});
  return cases;
}

std::vector<Case> every_case() {
  std::vector<Case> cases;
  for (const std::vector<Case>& some :
       {batch_norm_cases(), pool_cases(), moves(), pointwise_cases(), others()})
    cases.insert(cases.end(), some.begin(), some.end());
  return cases;
}

}  // namespace

TEST_CASE("operations on 16-bit floats round what they compute in f32") {
  check_cases(every_case(), cpu_device);
}

TEST_CASE("operations on 16-bit floats on a CUDA device round what they compute in f32",
          "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  check_cases(every_case(), cuda_device);
}

TEST_CASE("dropout gives 16-bit floats back as they are where it does nothing") {
  const Tensor x = normal({3, 4}, 0, 1).to(DType::bf16);
  CHECK(dropout(x, {}, false).is_same(x));
}

TEST_CASE("firing rates count spikes in 16 bit") {
  const std::vector<float> spikes{1, 0, 0, 1, 1, 0, 0, 0};
  for (const DType dtype : {DType::bf16, DType::f16})
    CHECK(firing_rate(from_vector(spikes, {2, 2, 2}).to(dtype)) == 0.375);
}
