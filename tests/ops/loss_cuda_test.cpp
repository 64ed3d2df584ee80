#include <cmath>
#include <limits>

#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/loss/one_hot.h"
#include "ranvier/ops/loss/softmax.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"
#include "tests/support/values.h"

using namespace ranvier;
using namespace ranvier::test;

namespace {

using Inputs = std::vector<Tensor>;

const std::vector<Shape> score_shapes{{1, 1},    {3, 10},   {128, 35},  {17, 1000},
                                      {1023, 5}, {1024, 3}, {1025, 33}, {5000, 64}};

Tensor labels_for(const Shape& shape) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < shape[0]; ++i) labels.push_back(i * 7 % shape[1]);
  return from_vector(labels, {shape[0]});
}

Tensor leaf(const Shape& shape, DType dtype, std::uint64_t seed = 1) {
  return random_values(shape, seed, dtype).set_requires_grad(true);
}

double tolerance(DType dtype) { return dtype == DType::f32 ? 1e-6 : 1e-12; }

}  // namespace

TEST_CASE("cross entropy and its gradient are the CPU's on a CUDA device", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Shape& shape : score_shapes)
      for (const double smoothing : {0.0, 0.1}) {
        INFO(to_string(shape) << ", smoothing " << smoothing);
        const Tensor labels = labels_for(shape);
        check_on_cuda(
            [&](const Inputs& in) {
              return cross_entropy(in[0], labels.to(in[0].device()),
                                   {.label_smoothing = smoothing});
            },
            {leaf(shape, dtype)}, tolerance(dtype));
      }
}

TEST_CASE("extreme scores give the CPU's cross entropy on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  const double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor labels = from_vector(std::vector<std::int64_t>{1}, {1});
  for (const std::vector<double>& scores : std::vector<std::vector<double>>{
           {-1e4, 1e4}, {0, -infinity, 0}, {nan, 1}, {1, nan}, {1, 2, nan}}) {
    const Tensor logits = from_vector(scores, {1, static_cast<std::int64_t>(scores.size())});
    check_same(cross_entropy(logits.to(cuda_device), labels.to(cuda_device)),
               cross_entropy(logits, labels), 1e-12);
  }
}

TEST_CASE("a label that is no class makes losses on a CUDA device NaN", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  for (const std::int64_t wrong : {std::int64_t{-1}, std::int64_t{3}, std::int64_t{1} << 40}) {
    const Tensor labels = from_vector(std::vector<std::int64_t>{0, wrong}, {2}).to(cuda_device);
    Tensor logits = zeros({2, 3}, {.device = cuda_device}).set_requires_grad(true);
    const Tensor loss = cross_entropy(logits, labels);
    CHECK(std::isnan(loss.item()));
    loss.backward();
    CHECK(to_vector(logits.grad())[0] == Approx(-1.0 / 3));
    CHECK(std::isnan(to_vector(logits.grad())[5]));
    const std::vector<double> targets = to_vector(one_hot(labels, 3));
    CHECK(targets[0] == 1);
    CHECK(std::isnan(targets[3]));
    CHECK(count_correct(logits.detach(), labels) == 1);
  }
}

TEST_CASE("the mean squared error and its gradients are the CPU's on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : {DType::f32, DType::f64})
    for (const std::int64_t count : {1, 3, 1000, 16384, 16385, 1'500'001}) {
      INFO(count << " elements");
      check_on_cuda([](const Inputs& in) { return mse_loss(in[0], in[1]); },
                    {leaf({count}, dtype, 1), leaf({count}, dtype, 2)}, tolerance(dtype));
    }
}

TEST_CASE("softmax and log_softmax are the CPU's on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  std::vector<Shape> shapes = score_shapes;
  shapes.insert(shapes.end(), {Shape{7}, Shape{2, 3, 40}, Shape{0, 3}, Shape{3, 0}});
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Shape& shape : shapes) {
      INFO(to_string(shape));
      check_on_cuda([](const Inputs& in) { return softmax(in[0]); }, {leaf(shape, dtype)},
                    tolerance(dtype));
      check_on_cuda([](const Inputs& in) { return log_softmax(in[0]); }, {leaf(shape, dtype)},
                    tolerance(dtype));
    }
}

TEST_CASE("one_hot is the CPU's on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const Shape& shape : score_shapes) {
    const Tensor labels = labels_for(shape);
    check_same(one_hot(labels.to(cuda_device), shape[1]), one_hot(labels, shape[1]), 0);
  }
  CHECK(one_hot(empty({0}, {.dtype = DType::i64, .device = cuda_device}), 3).shape() ==
        Shape{0, 3});
}

TEST_CASE("correct rows are counted on a CUDA device as on the CPU, ties and NaN too", "[cuda]") {
  RV_NEEDS_CUDA();
  const auto check = [](const Tensor& scores, const Tensor& labels) {
    check_same(correct(scores.to(cuda_device), labels.to(cuda_device)), correct(scores, labels), 0);
  };
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Shape& shape : score_shapes) {
      check(random_values(shape, 3, dtype), labels_for(shape));
      check(random_spikes(shape, 0.3, 4).to(dtype), labels_for(shape));
    }
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor scores =
      from_vector(std::vector<double>{nan, 1, 2, 0, nan, 1, 1, 2, nan, nan, nan, nan}, {4, 3});
  for (const std::int64_t label : {0, 1, 2})
    check(scores, from_vector(std::vector<std::int64_t>(4, label), {4}));
  check(zeros({0, 3}), labels_for({0, 3}));
}

TEST_CASE("totals are added up on a CUDA device as on the CPU", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Shape& shape : score_shapes) {
      const Tensor scores = random_values(shape, 3, dtype), labels = labels_for(shape);
      const Tensor loss = full({}, 0.375, {.dtype = dtype});
      Tensor totals = from_vector<double>({1, 2}, {2});
      Tensor on_cuda = totals.to(cuda_device);
      add_to_totals(loss, scores, labels, totals);
      add_to_totals(loss.to(cuda_device), scores.to(cuda_device), labels.to(cuda_device), on_cuda);
      check_same(on_cuda, totals, 0);
    }
}

TEST_CASE("losses want scores and labels on one device", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor scores = zeros({2, 3}), labels = labels_for({2, 3});
  const auto code = ErrorCode::device;
  CHECK_ERROR(cross_entropy(scores.to(cuda_device), labels), code,
              "[cross_entropy] all operands must be on one device; one is on cpu.");
  CHECK_ERROR(correct(scores.to(cuda_device), labels), code, "[correct] all operands");
  CHECK_ERROR(mse_loss(scores.to(cuda_device), scores), code, "[mse_loss] all operands");
  CHECK_ERROR(cross_entropy(scores, labels.to(cuda_device)), ErrorCode::invalid_argument,
              "is on cuda:0; move it to the CPU");
}
