// Batch norm, neuron and pool as one operation, against the three in turn.
#include <cmath>

#include "ranvier/core/parallel.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/fused/norm_neuron_pool.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/pool/pool2d.h"
#include "ranvier/ops/reduce/sum.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/neuron_checks.h"
#include "tests/support/values.h"
#include "tests/support/weighted_sum.h"

namespace ranvier {
namespace {

using Values = std::vector<double>;

Tensor random(const Shape& shape, std::uint64_t seed, DType dtype, double low = -1,
              double high = 2) {
  test::Numbers numbers(seed);
  return from_vector(numbers.many(static_cast<std::size_t>(shape.numel()), low, high), shape)
      .to(dtype);
}

Tensor leaf(const Tensor& tensor) { return clone(tensor).set_requires_grad(true); }

/// Everything one operation reads, as leaves.
struct Inputs {
  Tensor x, gamma, beta;
  RunningStatistics running;
  std::vector<Tensor> state;

  Inputs(const Shape& x_shape, const Shape& step, DType dtype, const Neuron& neuron,
         bool with_state)
      : x(leaf(random(x_shape, 1, dtype))),
        gamma(leaf(random({x.size(-1)}, 2, dtype, 0.5, 1.5))),
        beta(leaf(random({x.size(-1)}, 3, dtype, -0.2, 0.6))),
        running{random({x.size(-1)}, 4, dtype), random({x.size(-1)}, 5, dtype, 0.5, 2)} {
    for (int k = 0; with_state && k < neuron.states(); ++k)
      state.push_back(leaf(random(step, 6 + static_cast<std::uint64_t>(k), dtype, -0.5, 0.9)));
  }
};

/// What the operation must equal.
NormNeuronPoolResult composed(const Inputs& in, const Neuron& neuron,
                              const NormNeuronPoolOptions& options) {
  BatchNormOptions norm = options.norm;
  if (options.steps > 0 && norm.mode == BatchNormMode::step) norm.mode = BatchNormMode::batch;
  const Tensor y = batch_norm(in.x, in.gamma, in.beta, in.running, norm);
  const ScanResult scanned =
      scan(neuron, y, NeuronState(in.state),
           {.steps = options.steps, .packed = options.packed, .final_state = options.final_state});
  const Pool2dOptions pool{.kernel = {options.kernel, options.kernel}};
  switch (options.pool) {
    case SpikePool::none:
      return {scanned.spikes, scanned.state};
    case SpikePool::max:
      return {max_pool2d(scanned.spikes, pool), scanned.state};
    case SpikePool::average:
      return {avg_pool2d(scanned.spikes, pool), scanned.state};
  }
  return {};
}

NormNeuronPoolResult fused(const Inputs& in, const Neuron& neuron,
                           const NormNeuronPoolOptions& options) {
  return norm_neuron_pool(in.x, in.gamma, in.beta, in.running, neuron, NeuronState(in.state),
                          options);
}

std::vector<Values> gradients(const Inputs& in, const Neuron& neuron,
                              const NormNeuronPoolResult& result) {
  const DType dtype = in.x.dtype();
  const DType spikes = result.spikes.dtype() == DType::bits ? DType::f32 : dtype;
  std::vector<test::Weighted> terms{{result.spikes, random(result.spikes.shape(), 10, spikes)}};
  for (const Tensor& variable : result.state.variables())
    terms.push_back({variable, random(variable.shape(), 11, dtype)});
  test::weighted_sum(terms).backward();
  std::vector<Values> all{to_vector(in.x.grad()), to_vector(in.gamma.grad()),
                          to_vector(in.beta.grad())};
  for (const Tensor& variable : in.state) all.push_back(to_vector(variable.grad()));
  for (Tensor learnable : neuron.learnables) {
    all.push_back(to_vector(learnable.grad()));
    learnable.set_grad({});
  }
  return all;
}

void check_equal(const Shape& x_shape, const Neuron& neuron, NormNeuronPoolOptions options,
                 bool with_state = true) {
  const Shape step = options.steps > 0 ? x_shape : x_shape.sub(1, x_shape.rank());
  options.final_state = true;
  for (const DType dtype : {DType::f64, DType::f32}) {
    CAPTURE(to_string(x_shape), neuron.name(), dtype == DType::f32, static_cast<int>(options.pool),
            options.kernel, options.steps, options.packed, options.norm.training,
            static_cast<int>(options.norm.mode), with_state);
    const Inputs a(x_shape, step, dtype, neuron, with_state);
    const Inputs b(x_shape, step, dtype, neuron, with_state);
    const NormNeuronPoolResult expected = composed(a, neuron, options);
    const NormNeuronPoolResult got = fused(b, neuron, options);
    CHECK(got.spikes.shape() == expected.spikes.shape());
    CHECK(got.spikes.dtype() == expected.spikes.dtype());
    CHECK(to_vector(got.spikes) == to_vector(expected.spikes));
    for (int k = 0; k < neuron.states(); ++k)
      CHECK(to_vector(got.state.variables()[k]) == to_vector(expected.state.variables()[k]));
    CHECK(to_vector(a.running.mean) == to_vector(b.running.mean));
    CHECK(to_vector(a.running.variance) == to_vector(b.running.variance));

    const auto expected_grads = gradients(a, neuron, expected);
    const auto grads = gradients(b, neuron, got);
    REQUIRE(grads.size() == expected_grads.size());
    for (std::size_t g = 0; g < grads.size(); ++g) {
      double worst = 0, scale = 1e-30;
      for (const double value : expected_grads[g]) scale = std::max(scale, std::abs(value));
      for (std::size_t i = 0; i < grads[g].size(); ++i)
        worst = std::max(worst, std::abs(grads[g][i] - expected_grads[g][i]));
      CAPTURE(g);
      CHECK(worst <= (dtype == DType::f64 ? 1e-12 : 2e-5) * scale);
    }
  }
}

TEST_CASE("fused equals batch norm, neuron and pool in turn, for images of every size") {
  const std::vector<Shape> steps{{2, 8, 8, 16}, {3, 7, 5, 3},   {1, 28, 28, 128}, {2, 2, 2, 1},
                                 {2, 6, 9, 70}, {1, 3, 3, 513}, {4, 5, 100, 2}};
  for (const Shape& step : steps)
    for (const SpikePool pool : {SpikePool::none, SpikePool::max, SpikePool::average})
      for (const std::int64_t time : {0, 3}) {
        const NormNeuronPoolOptions options{.steps = time, .pool = pool};
        check_equal(time > 0 ? step : Shape{3}.concat(step), LIFOptions{}, options);
      }
}

TEST_CASE("fused equals its parts for windows of every size") {
  for (const std::int64_t kernel : {1, 2, 3, 4, 7})
    for (const SpikePool pool : {SpikePool::max, SpikePool::average}) {
      const NormNeuronPoolOptions options{.pool = pool, .kernel = kernel};
      check_equal({4, 2, 7, 8, 5}, IFOptions{}, options);
      check_equal({4, 2, 12, 7, 33}, IFOptions{}, options);
    }
}

TEST_CASE("fused equals its parts for every neuron, from a state and from rest") {
  const std::vector<Neuron> neurons{IFOptions{},
                                    LIFOptions{.v_reset = std::nullopt, .detach_reset = true},
                                    ParametricLIFOptions{},
                                    LeakyOptions{.learn_beta = true},
                                    LeakyOptions{.reset = LeakyReset::zero},
                                    LeakyIntegratorOptions{}};
  for (const Neuron& neuron : neurons)
    for (const SpikePool pool : {SpikePool::none, SpikePool::max, SpikePool::average})
      for (const bool with_state : {false, true}) {
        check_equal({5, 2, 6, 6, 10}, neuron, {.pool = pool}, with_state);
        check_equal({2, 6, 6, 10}, neuron, {.steps = 5, .pool = pool}, with_state);
      }
}

TEST_CASE("fused equals its parts in every mode of batch norm") {
  for (const BatchNormMode mode :
       {BatchNormMode::batch, BatchNormMode::step, BatchNormMode::frozen})
    for (const bool training : {true, false})
      for (const std::int64_t time : {0, 4}) {
        NormNeuronPoolOptions options{.steps = time, .pool = SpikePool::max};
        options.norm.mode = mode;
        options.norm.training = training;
        check_equal(time > 0 ? Shape{3, 6, 6, 9} : Shape{4, 3, 6, 6, 9}, LIFOptions{}, options);
      }
}

TEST_CASE("fused spikes can be packed") {
  for (const std::int64_t channels : {3, 64, 100, 128, 1000, 2500})
    for (const SpikePool pool : {SpikePool::none, SpikePool::max})
      for (const std::int64_t time : {0, 3}) {
        const NormNeuronPoolOptions options{.steps = time, .pool = pool, .packed = true};
        check_equal(time > 0 ? Shape{2, 4, 4, channels} : Shape{3, 2, 4, 4, channels}, IFOptions{},
                    options);
      }
}

TEST_CASE("without a pool any number of axes is fine") {
  check_equal({5, 40, 6}, LIFOptions{}, {});
  check_equal({5, 40, 3000}, LIFOptions{}, {});
  check_equal({40, 6}, LIFOptions{}, {.steps = 5});
  check_equal({4, 2, 3, 5, 2, 7}, LIFOptions{}, {});
}

TEST_CASE("long fused sequences are recomputed in chunks") {
  check_equal({700, 2, 4, 4, 40}, LIFOptions{.tau = 10}, {.pool = SpikePool::max});
  check_equal({900, 3, 50}, ParametricLIFOptions{}, {});
}

TEST_CASE("fused results do not depend on the number of threads") {
  const int before = num_threads();
  std::vector<Values> spikes, grads;
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    const Neuron neuron = ParametricLIFOptions{};
    const Inputs in({4, 5, 14, 14, 32}, {5, 14, 14, 32}, DType::f32, neuron, false);
    const auto result = fused(in, neuron, {.pool = SpikePool::max, .final_state = true});
    spikes.push_back(to_vector(result.spikes));
    grads.emplace_back();
    for (const Values& gradient : gradients(in, neuron, result))
      grads.back().insert(grads.back().end(), gradient.begin(), gradient.end());
  }
  set_num_threads(before);
  CHECK((spikes[0] == spikes[1] && spikes[0] == spikes[2]));
  CHECK((grads[0] == grads[1] && grads[0] == grads[2]));
}

TEST_CASE("the fused operation keeps x and nothing as large for backward") {
  const Neuron neuron = IFOptions{};
  const Inputs in({4, 8, 16, 16, 32}, {8, 16, 16, 32}, DType::f32, neuron, false);
  const std::int64_t before = saved_bytes();
  const auto result = fused(in, neuron, {.pool = SpikePool::max});
  CHECK(saved_bytes() - before <= in.x.nbytes() + 4096);
}

TEST_CASE("a fused operation takes 16-bit x as its numbers in f32") {
  for (const DType dtype : {DType::bf16, DType::f16}) {
    Inputs narrow({4, 2, 5, 4, 8}, {2, 5, 4, 8}, DType::f32, LIFOptions{}, true);
    Inputs wide = narrow;
    narrow.x = leaf(narrow.x.detach().to(dtype));
    wide.x = leaf(narrow.x.detach().to(DType::f32));
    const auto run = [](const Inputs& in) {
      return norm_neuron_pool(in.x, in.gamma, in.beta, {}, LIFOptions{}, NeuronState(in.state),
                              {.pool = SpikePool::max});
    };
    const NormNeuronPoolResult got = run(narrow), wanted = run(wide);
    CHECK(got.spikes.dtype() == DType::f32);
    CHECK(to_vector(got.spikes) == to_vector(wanted.spikes));
    const Tensor grad = random(got.spikes.shape(), 9, DType::f32);
    got.spikes.backward(grad);
    wanted.spikes.backward(grad);
    CHECK(narrow.x.grad().dtype() == dtype);
    CHECK(to_vector(narrow.x.grad()) == to_vector(wide.x.grad().to(dtype)));
  }
}

TEST_CASE("gamma and beta may be absent") {
  const Tensor x = leaf(random({3, 4, 6}, 1, DType::f64)), y = leaf(x);
  const auto got = norm_neuron_pool(x, {}, {}, {}, LIFOptions{});
  const ScanResult expected = scan(LIFOptions{}, batch_norm(y, {}, {}, {}));
  CHECK(to_vector(got.spikes) == to_vector(expected.spikes));
  got.spikes.backward(full(x.shape(), 1, {.dtype = DType::f64}));
  expected.spikes.backward(full(x.shape(), 1, {.dtype = DType::f64}));
  for (std::size_t i = 0; i < 72; ++i)
    CHECK(to_vector(x.grad())[i] == test::Approx(to_vector(y.grad())[i]).margin(1e-13));
}

TEST_CASE("a fused operation without images gives none") {
  const Tensor x = leaf(zeros({4, 0, 6, 6, 8}));
  const Tensor channels = zeros({8}), ones = full({8}, 1);
  const NormNeuronPoolOptions options{.norm = {.training = false}, .pool = SpikePool::max};
  const auto result = norm_neuron_pool(x, {}, {}, {channels, ones}, IFOptions{}, {}, options);
  CHECK(result.spikes.shape() == Shape{4, 0, 3, 3, 8});
  result.spikes.backward(zeros({4, 0, 3, 3, 8}));
  CHECK(x.grad().shape() == x.shape());
}

TEST_CASE("the fused operation refuses what its parts would") {
  const auto invalid = ErrorCode::invalid_argument;
  const Tensor x = zeros({3, 2, 4, 4, 5});
  const auto run = [](const Tensor& input, const NormNeuronPoolOptions& options) {
    return norm_neuron_pool(input, {}, {}, {}, IFOptions{}, {}, options);
  };
  CHECK_ERROR(run(zeros({3}), {}), invalid,
              "[norm_neuron_pool] x needs a channel axis; its shape is (3,).");
  CHECK_ERROR(norm_neuron_pool(x, zeros({4}), {}, {}, IFOptions{}), invalid,
              "[norm_neuron_pool] gamma must be f32 (5,) for x (3, 2, 4, 4, 5); got f32 (4,).");
  CHECK_ERROR(norm_neuron_pool(x, {}, zeros({5}, {.dtype = DType::f64}), {}, IFOptions{}), invalid,
              "[norm_neuron_pool] beta must be f32 (5,)");
  CHECK_ERROR(run(x, {.pool = SpikePool::average, .packed = true}), invalid,
              "[norm_neuron_pool] a mean of spikes cannot be packed.");
  CHECK_ERROR(run(x, {.pool = SpikePool::max, .kernel = 0}), invalid,
              "[norm_neuron_pool] kernel must be >= 1; got 0.");
  CHECK_ERROR(run(zeros({3, 4, 5}), {.pool = SpikePool::max}), invalid,
              "[norm_neuron_pool] a pool needs x [..., H, W, C]; the shape of a step is (4, 5).");
  CHECK_ERROR(run(x, {.pool = SpikePool::max, .kernel = 5}), invalid,
              "the window of 5 x 5 is larger than the image; a step of x is (2, 4, 4, 5).");
  CHECK_ERROR(run(x, {.steps = -1}), invalid, "[if] steps must be >= 1");
  CHECK_ERROR(run(zeros({3, 2}, {.dtype = DType::i64}), {}), invalid, "[if] x must be f32 or f64");
}

}  // namespace
}  // namespace ranvier
