#include "ranvier/ops/loss/loss.h"

#include <cmath>
#include <limits>

#include "ranvier/ops/loss/softmax.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/gradcheck.h"
#include "tests/support/threads.h"
#include "tests/support/values.h"

using namespace ranvier;
using test::Approx;
using test::gradient_mismatch;
using test::random_values;
using test::same_bits;

namespace {

constexpr auto invalid = ErrorCode::invalid_argument;

using Inputs = std::vector<Tensor>;

Tensor label_tensor(const std::vector<std::int64_t>& labels) {
  return from_vector(labels, {static_cast<std::int64_t>(labels.size())});
}

// Scores of three rows and four classes, for which the numbers below are those of PyTorch 1.13.
Tensor example(DType dtype = DType::f64) {
  return from_vector(std::vector<double>{1, -2, 0.5, 3, 0, 0.25, -1, 2, -0.5, 4, 1, 1}, {3, 4})
      .to(dtype);
}
const std::vector<std::int64_t> example_labels{3, 0, 2};

void check_values(const Tensor& tensor, const std::vector<double>& expected, double epsilon) {
  const std::vector<double> values = to_vector(tensor);
  REQUIRE(values.size() == expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    INFO("element " << i);
    CHECK(values[i] == Approx(expected[i]).epsilon(epsilon));
  }
}

}  // namespace

TEST_CASE("softmax is PyTorch's, in f64 and f32") {
  const std::vector<double> expected{0.110553750362,  0.00550414712758, 0.0670542391406,
                                     0.81688786337,   0.0995920613877,  0.127878738122,
                                     0.0366378718884, 0.735891328602,   0.0100019494358,
                                     0.900346795627,  0.0448256274687,  0.0448256274687};
  check_values(softmax(example()), expected, 1e-11);
  check_values(softmax(example(DType::f32)), expected, 1e-6);
}

TEST_CASE("log_softmax is the logarithm of softmax") {
  const Tensor y = log_softmax(example()), p = softmax(example());
  for (std::size_t i = 0; i < 12; ++i)
    CHECK(to_vector(y)[i] == Approx(std::log(to_vector(p)[i])).epsilon(1e-13));
}

TEST_CASE("scores far from zero neither overflow nor vanish") {
  CHECK(to_vector(softmax(tensor({1000, 1000}))) == std::vector<double>{0.5, 0.5});
  CHECK(to_vector(log_softmax(tensor({-1000, 0}))) == std::vector<double>{-1000, 0});
  const Tensor logits = from_vector(std::vector<float>{-1e4f, 1e4f}, {1, 2});
  CHECK(cross_entropy(logits, label_tensor({0})).item() == 2e4);
}

TEST_CASE("softmax and log_softmax pass the gradient check over any number of leading axes") {
  for (const Shape& shape : {Shape{5}, Shape{3, 4}, Shape{2, 3, 3}}) {
    const Tensor x = random_values(shape, 1, DType::f64);
    CHECK(gradient_mismatch([](const Inputs& in) { return softmax(in[0]); }, {x}) == "");
    CHECK(gradient_mismatch([](const Inputs& in) { return log_softmax(in[0]); }, {x}) == "");
  }
}

TEST_CASE("softmax of no rows or no classes is empty") {
  CHECK(softmax(zeros({0, 3})).shape() == Shape{0, 3});
  CHECK(log_softmax(zeros({3, 0})).shape() == Shape{3, 0});
}

TEST_CASE("softmax refuses what has no axis or no real numbers") {
  CHECK_ERROR(softmax(scalar(1)), invalid, "[softmax] x needs an axis; got shape ().");
  CHECK_ERROR(log_softmax(scalar(1)), invalid, "[log_softmax] x needs an axis; got shape ().");
  CHECK_ERROR(softmax(label_tensor({1})), invalid, "[softmax] needs f32 or f64; got i64.");
  CHECK_ERROR(log_softmax(label_tensor({1})), invalid, "[log_softmax] needs f32 or f64; got i64.");
}

TEST_CASE("cross entropy and its gradient are PyTorch's for every label smoothing") {
  struct Golden {
    double smoothing, loss;
    std::vector<double> grad;
  };
  const std::vector<Golden> goldens{
      {0,
       1.87130051053,
       {0.0368512501206, 0.00183471570919, 0.0223514130469, -0.0610373788766, -0.300135979537,
        0.0426262460407, 0.0122126239628, 0.245297109534, 0.00333398314528, 0.300115598542,
        -0.31839145751, 0.0149418758229}},
      {0.1,
       1.92755051053,
       {0.0285179167872, -0.00649861762414, 0.0140180797135, -0.0360373788766, -0.275135979537,
        0.0342929127074, 0.00387929062947, 0.236963776201, -0.00499935018805, 0.291782265209,
        -0.29339145751, 0.00660854248955}},
      {1,
       2.43380051053,
       {-0.0464820832128, -0.0814986176241, -0.0609819202865, 0.188962621123, -0.0501359795374,
        -0.0407070872926, -0.0711207093705, 0.161963776201, -0.0799993501881, 0.216782265209,
        -0.0683914575104, -0.0683914575104}}};
  for (const auto& [smoothing, expected, grad] : goldens) {
    INFO("label smoothing " << smoothing);
    Tensor logits = example();
    logits.set_requires_grad(true);
    const Tensor loss =
        cross_entropy(logits, label_tensor(example_labels), {.label_smoothing = smoothing});
    CHECK(loss.shape() == Shape{});
    CHECK(loss.item() == Approx(expected).epsilon(1e-11));
    loss.backward();
    check_values(logits.grad(), grad, 1e-10);
  }
}

TEST_CASE("cross entropy in f32 agrees with f64") {
  Tensor logits = example(DType::f32);
  logits.set_requires_grad(true);
  const Tensor loss = cross_entropy(logits, label_tensor(example_labels));
  CHECK(loss.dtype() == DType::f32);
  CHECK(loss.item() == Approx(1.87130051053).epsilon(1e-6));
  loss.backward();
  CHECK(to_vector(logits.grad())[4] == Approx(-0.300135979537).epsilon(1e-6));
}

TEST_CASE("the losses pass the gradient check") {
  const Tensor labels = label_tensor({2, 0, 4, 1});
  for (const double smoothing : {0.0, 0.2}) {
    const auto loss = [&](const Inputs& in) {
      return cross_entropy(in[0], labels, {.label_smoothing = smoothing});
    };
    CHECK(gradient_mismatch(loss, {random_values({4, 5}, 2, DType::f64)}) == "");
  }
  const auto mse = [](const Inputs& in) { return mse_loss(in[0], in[1]); };
  CHECK(gradient_mismatch(mse, {random_values({3, 2, 2}, 3, DType::f64),
                                random_values({3, 2, 2}, 4, DType::f64)}) == "");
}

TEST_CASE("a gradient that reaches a loss scales its own") {
  Tensor logits = example(), p = example();
  logits.set_requires_grad(true);
  p.set_requires_grad(true);
  const Tensor half = scalar(0.5, {.dtype = DType::f64});
  cross_entropy(logits, label_tensor(example_labels)).backward(half);
  CHECK(to_vector(logits.grad())[3] == Approx(-0.0610373788766 / 2).epsilon(1e-10));
  mse_loss(p, zeros_like(p)).backward(half);
  CHECK(to_vector(p.grad())[3] == Approx(3.0 / 12));
}

TEST_CASE("an impossible class costs nothing unless it is the label") {
  const double infinity = std::numeric_limits<double>::infinity();
  const Tensor logits = from_vector(std::vector<double>{0, -infinity, 0}, {1, 3});
  CHECK(cross_entropy(logits, label_tensor({0})).item() == Approx(std::log(2)));
  CHECK(cross_entropy(logits, label_tensor({1})).item() == infinity);
}

TEST_CASE("a score that is not a number makes the cross entropy that as well") {
  for (std::size_t i = 0; i < 3; ++i) {
    std::vector<double> scores{1, 2, 3};
    scores[i] = std::numeric_limits<double>::quiet_NaN();
    CHECK(std::isnan(cross_entropy(from_vector(scores, {1, 3}), label_tensor({0})).item()));
  }
}

TEST_CASE("the losses have the same bits for any number of threads") {
  const auto results = [](int count) {
    const test::Threads threads(count);
    Tensor logits = random_values({3000, 17}, 5), p = random_values({300'000}, 6);
    logits.set_requires_grad(true);
    p.set_requires_grad(true);
    std::vector<std::int64_t> labels(3000);
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int64_t>(i % 17);
    const Tensor a = cross_entropy(logits, label_tensor(labels), {.label_smoothing = 0.1});
    const Tensor b = mse_loss(p, zeros_like(p));
    a.backward();
    b.backward();
    return Inputs{a.detach(), b.detach(), logits.grad(), p.grad(), softmax(logits).detach()};
  };
  const Inputs serial = results(1), parallel = results(3);
  for (std::size_t i = 0; i < serial.size(); ++i) CHECK(same_bits(serial[i], parallel[i]));
}

TEST_CASE("the mean squared error is the mean over all elements") {
  const Tensor p = from_vector(std::vector<float>{1, 2, 3, 4}, {2, 2});
  CHECK(mse_loss(p, full({2, 2}, 2)).item() == (1 + 0 + 1 + 4) / 4.0);
}

TEST_CASE("totals add up losses of samples and correct rows") {
  const Tensor scores = from_vector<float>({1, 2, 3, 0, 0, 5}, {3, 2});
  Tensor totals = from_vector<double>({10, 4}, {2});
  add_to_totals(tensor({0.5f}), scores, label_tensor({1, 1, 1}), totals);
  CHECK(to_vector(totals) == std::vector<double>{11.5, 6});
  CHECK_ERROR(add_to_totals(tensor({0.5, 1.0}), scores, label_tensor({1, 1, 1}), totals),
              ErrorCode::invalid_argument, "[add_to_totals] the loss must be one f32");
  Tensor narrow = zeros({2});
  CHECK_ERROR(add_to_totals(tensor({0.5f}), scores, label_tensor({1, 1, 1}), narrow),
              ErrorCode::invalid_argument, "[add_to_totals] totals must be f64 (2,); got f32");
}

TEST_CASE("a row is correct if its label has the largest score, of equal ones the first") {
  const Tensor scores = from_vector(std::vector<float>{1, 3, 2, 5, 5, 0, 0, 0, 7}, {3, 3});
  CHECK(count_correct(scores, label_tensor({1, 0, 2})) == 3);
  CHECK(count_correct(scores, label_tensor({1, 1, 2})) == 2);
  CHECK(count_correct(scores.to(DType::f64), label_tensor({2, 1, 0})) == 0);
  CHECK(count_correct(zeros({0, 3}), label_tensor({})) == 0);
}

TEST_CASE("a label that is no class is named with its place") {
  const Tensor scores = zeros({3, 10});
  CHECK_ERROR(cross_entropy(scores, label_tensor({0, 12, 0})), invalid,
              "[cross_entropy] label 1 is 12; it must be in [0, 10).");
  CHECK_ERROR(cross_entropy(scores, label_tensor({0, 9, 10})), invalid, "label 2 is 10;");
  CHECK_ERROR(count_correct(scores, label_tensor({-1, 0, 0})), invalid,
              "[correct] label 0 is -1; it must be in [0, 10).");
}

TEST_CASE("losses refuse shapes, dtypes and options that do not fit") {
  const Tensor scores = zeros({3, 10}), labels = label_tensor({0, 1, 2});
  CHECK_ERROR(cross_entropy(zeros({3}), labels), invalid,
              "[cross_entropy] logits must be [B, C] with C >= 1; got shape (3,).");
  CHECK_ERROR(cross_entropy(zeros({3, 0}), labels), invalid, "got shape (3, 0).");
  CHECK_ERROR(count_correct(zeros({3}), labels), invalid,
              "[correct] scores must be [B, C] with C >= 1; got shape (3,).");
  CHECK_ERROR(cross_entropy(zeros({0, 10}), label_tensor({})), invalid,
              "[cross_entropy] the batch is empty: logits have shape (0, 10).");
  CHECK_ERROR(cross_entropy(scores, label_tensor({0, 1})), invalid,
              "[cross_entropy] labels must be i64 (3,); got i64 (2,).");
  CHECK_ERROR(cross_entropy(scores, zeros({3})), invalid,
              "[cross_entropy] labels must be i64 (3,); got f32 (3,).");
  CHECK_ERROR(cross_entropy(zeros({3, 10}, {.dtype = DType::u8}), labels), invalid,
              "[cross_entropy] needs f32 or f64; got u8.");
  CHECK_ERROR(cross_entropy(scores, labels, {.label_smoothing = 1.5}), invalid,
              "[cross_entropy] label_smoothing must be in [0, 1]; got 1.5.");
  CHECK_ERROR(mse_loss(zeros({2}), zeros({3})), invalid,
              "[mse_loss] prediction and target must agree; got f32 (2,) and f32 (3,).");
  CHECK_ERROR(mse_loss(zeros({2}), zeros({2}, {.dtype = DType::f64})), invalid,
              "got f32 (2,) and f64 (2,).");
  CHECK_ERROR(mse_loss(zeros({0, 2}), zeros({0, 2})), invalid,
              "[mse_loss] there are no elements in shape (0, 2).");
}
