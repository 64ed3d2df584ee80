// Batch norm, neuron and pool as one operation on a CUDA device: spikes and states are those of the
// three in turn there, bit for bit; gradients are theirs, and the CPU's, to rounding.
#include <algorithm>
#include <cmath>

#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/fused/norm_neuron_pool.h"
#include "ranvier/ops/pool/pool2d.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"

using namespace ranvier;
using namespace ranvier::test;

namespace {

struct Case {
  Neuron neuron;
  Shape x;
  NormNeuronPoolOptions options = {};
  bool from_state = false;
  DType dtype = DType::f32;

  Shape step() const { return options.steps > 0 ? x : x.sub(1, x.rank()); }
};

/// What an operation reads, on one device; copies of neurons share learnables.
struct Inputs {
  Neuron neuron;
  Tensor x, gamma, beta;
  RunningStatistics running;
  std::vector<Tensor> state;

  std::vector<Tensor> leaves() const {
    std::vector<Tensor> all{x, gamma, beta};
    all.insert(all.end(), state.begin(), state.end());
    all.insert(all.end(), neuron.learnables.begin(), neuron.learnables.end());
    return all;
  }
};

Inputs inputs_for(const Case& c, Device device) {
  seed(11);
  const std::int64_t channels = c.x[-1];
  const auto leaf = [&](const Tensor& tensor) {
    return tensor.to(c.dtype).detach().to(device).set_requires_grad(true);
  };
  Inputs in{.neuron = Neuron(c.neuron.description()),
            .x = leaf(normal(c.x, 0.5, 1)),
            .gamma = leaf(uniform({channels}, 0.5, 1.5)),
            .beta = leaf(uniform({channels}, -0.2, 0.6)),
            .running = {uniform({channels}, -1, 1).to(c.dtype).to(device),
                        uniform({channels}, 0.5, 2).to(c.dtype).to(device)},
            .state = {}};
  for (Tensor& learnable : in.neuron.learnables) learnable = leaf(learnable.detach());
  for (int k = 0; c.from_state && k < in.neuron.states(); ++k)
    in.state.push_back(leaf(normal(c.step(), 0.2, 0.3)));
  return in;
}

NormNeuronPoolResult fused(const Inputs& in, const Case& c) {
  return norm_neuron_pool(in.x, in.gamma, in.beta, in.running, in.neuron, NeuronState(in.state),
                          c.options);
}

NormNeuronPoolResult composed(const Inputs& in, const Case& c) {
  BatchNormOptions norm = c.options.norm;
  if (c.options.steps > 0 && norm.mode == BatchNormMode::step) norm.mode = BatchNormMode::batch;
  const Tensor y = batch_norm(in.x, in.gamma, in.beta, in.running, norm);
  const ScanResult scanned = scan(
      in.neuron, y, NeuronState(in.state),
      {.steps = c.options.steps, .packed = c.options.packed, .final_state = c.options.final_state});
  const Pool2dOptions pool{.kernel = {c.options.kernel, c.options.kernel}};
  if (c.options.pool == SpikePool::max) return {max_pool2d(scanned.spikes, pool), scanned.state};
  if (c.options.pool == SpikePool::average)
    return {avg_pool2d(scanned.spikes, pool), scanned.state};
  return {scanned.spikes, scanned.state};
}

std::vector<Tensor> outputs_of(const NormNeuronPoolResult& result) {
  std::vector<Tensor> all{result.spikes};
  for (const Tensor& variable : result.state.variables()) all.push_back(variable);
  return all;
}

std::vector<Tensor> gradients(const Inputs& in, const NormNeuronPoolResult& result, DType dtype) {
  seed(12);
  for (const Tensor& output : outputs_of(result)) {
    const Tensor grad = normal(output.shape(), 0, 1);
    output.backward(grad.to(output.dtype() == DType::bits ? DType::f32 : dtype).to(in.x.device()),
                    {.retain_graph = true});
  }
  std::vector<Tensor> all;
  for (const Tensor& leaf : in.leaves()) all.push_back(leaf.grad());
  return all;
}

/// Spikes bitwise, gradients to rounding, against the parts on the device. A gradient is a sum of
/// many where it is not of x or of the state.
void check_equal(Case c) {
  c.options.final_state = true;
  CAPTURE(c.neuron.name(), to_string(c.x), name(c.dtype), static_cast<int>(c.options.pool),
          c.options.kernel, c.options.steps, static_cast<int>(c.options.norm.mode),
          c.options.norm.training, c.options.packed, c.from_state);
  const Inputs a = inputs_for(c, cuda_device), b = inputs_for(c, cuda_device);
  const NormNeuronPoolResult got = fused(a, c), wanted = composed(b, c);
  const std::vector<Tensor> outputs = outputs_of(got), expected = outputs_of(wanted);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    INFO("output " << i);
    check_same(outputs[i], expected[i].to(cpu_device), 0);
  }
  check_same(a.running.mean, b.running.mean.to(cpu_device), 0);
  check_same(a.running.variance, b.running.variance.to(cpu_device), 0);
  const std::vector<Tensor> grads = gradients(a, got, c.dtype);
  const std::vector<Tensor> expected_grads = gradients(b, wanted, c.dtype);
  for (std::size_t i = 0; i < grads.size(); ++i) {
    INFO("gradient " << i);
    check_same(grads[i], expected_grads[i].to(cpu_device), c.dtype == DType::f64 ? 1e-11 : 2e-5);
  }
}

/// x of 16-bit floats against the same numbers in f32, both on the device: the same spikes and
/// states, and the gradient of x is that of f32, rounded.
void check_rounded(Case c, DType dtype, DType of_spikes) {
  c.options.final_state = true;
  CAPTURE(c.neuron.name(), to_string(c.x), name(dtype), static_cast<int>(c.options.pool),
          c.options.kernel, c.options.steps, static_cast<int>(c.options.norm.mode),
          c.options.norm.training, c.from_state);
  Inputs a = inputs_for(c, cuda_device), b = inputs_for(c, cuda_device);
  a.x = a.x.detach().to(dtype).set_requires_grad(true);
  b.x = a.x.detach().to(DType::f32).set_requires_grad(true);
  const NormNeuronPoolResult got = fused(a, c), wanted = fused(b, c);
  check_same(got.spikes, wanted.spikes.to(of_spikes).to(cpu_device), 0);
  for (std::size_t k = 0; k < got.state.variables().size(); ++k)
    check_same(got.state.variables()[k], wanted.state.variables()[k].to(cpu_device), 0);
  seed(12);
  const Tensor grad = normal(got.spikes.shape(), 0, 1).to(dtype).to(cuda_device);
  got.spikes.backward(grad.to(of_spikes));
  wanted.spikes.backward(grad.to(DType::f32));
  const std::vector<Tensor> leaves = a.leaves(), same = b.leaves();
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    INFO("gradient " << i);
    const Tensor expected = same[i].grad().to(leaves[i].dtype()).to(cpu_device);
    const double one_rounding = dtype == DType::bf16 ? 4e-3 : 5e-4;
    check_same(leaves[i].grad(), expected, i == 0 ? one_rounding : 1e-5);
  }
}

const std::vector<SpikePool> pools{SpikePool::none, SpikePool::max, SpikePool::average};

}  // namespace

TEST_CASE("fused on a CUDA device equals its parts, for images of every size", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const Shape& step :
       {Shape{2, 8, 8, 16}, Shape{3, 7, 5, 3}, Shape{1, 28, 28, 128}, Shape{2, 2, 2, 1},
        Shape{2, 6, 9, 70}, Shape{1, 3, 3, 513}, Shape{4, 5, 100, 2}, Shape{1, 2, 3, 2052}})
    for (const SpikePool pool : pools)
      for (const std::int64_t steps : {0, 3})
        check_equal({.neuron = LIFOptions{},
                     .x = steps > 0 ? step : Shape{3}.concat(step),
                     .options = {.steps = steps, .pool = pool}});
}

TEST_CASE("fused on a CUDA device equals its parts for windows of every size", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  for (const std::int64_t kernel : {1, 2, 3, 4, 7})
    for (const SpikePool pool : {SpikePool::max, SpikePool::average})
      for (const std::int64_t channels : {5, 32})
        check_equal({.neuron = IFOptions{},
                     .x = {6, 2, 12, 7, channels},
                     .options = {.pool = pool, .kernel = kernel}});
}

TEST_CASE("fused on a CUDA device equals its parts for every neuron, in f32 and f64", "[cuda]") {
  RV_NEEDS_CUDA();
  const std::vector<Neuron> neurons{
      IFOptions{.surrogate = surrogate::Sigmoid{}},
      LIFOptions{.v_reset = std::nullopt, .detach_reset = true},
      ParametricLIFOptions{.surrogate = surrogate::Erf{}},
      ALIFOptions{.tau = 3, .surrogate = surrogate::SingleExponential{}},
      CubaLIFOptions{.tau = 3, .surrogate = surrogate::PiecewiseQuadratic{}},
      LeakyOptions{.learn_beta = true, .surrogate = surrogate::FastSigmoid{}},
      LeakyOptions{.reset = LeakyReset::zero, .surrogate = surrogate::StraightThrough{}},
      LeakyIntegratorOptions{}};
  for (const Neuron& neuron : neurons)
    for (const SpikePool pool : pools)
      for (const bool from_state : {false, true})
        for (const DType dtype : {DType::f32, DType::f64})
          for (const std::int64_t steps : {0, 5})
            check_equal({.neuron = neuron,
                         .x = steps > 0 ? Shape{2, 6, 6, 12} : Shape{5, 2, 6, 6, 12},
                         .options = {.steps = steps, .pool = pool},
                         .from_state = from_state,
                         .dtype = dtype});
}

TEST_CASE("fused on a CUDA device equals its parts in every mode of batch norm", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const BatchNormMode mode :
       {BatchNormMode::batch, BatchNormMode::step, BatchNormMode::frozen})
    for (const bool training : {true, false})
      for (const std::int64_t steps : {0, 4})
        for (const std::int64_t channels : {9, 16})
          check_equal({.neuron = LIFOptions{},
                       .x = steps > 0 ? Shape{3, 6, 6, channels} : Shape{4, 3, 6, 6, channels},
                       .options = {.norm = {.training = training, .mode = mode},
                                   .steps = steps,
                                   .pool = SpikePool::max}});
}

TEST_CASE("long fused sequences on a CUDA device are recomputed from checkpoints", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const SpikePool pool : pools)
    for (const std::int64_t steps : {8, 9, 32, 33, 100})
      for (const bool still : {false, true})
        check_equal({.neuron = LIFOptions{.tau = 10},
                     .x = still ? Shape{2, 5, 4, 8} : Shape{steps, 2, 5, 4, 8},
                     .options = {.steps = still ? steps : 0, .pool = pool},
                     .from_state = true});
  check_equal({.neuron = ParametricLIFOptions{}, .x = {300, 3, 50}});
}

TEST_CASE("fused spikes on a CUDA device can be packed", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const std::int64_t channels : {64, 128, 320})
    for (const SpikePool pool : {SpikePool::none, SpikePool::max})
      for (const DType dtype : {DType::f32, DType::f64})
        check_equal({.neuron = IFOptions{},
                     .x = {3, 2, 4, 4, channels},
                     .options = {.pool = pool, .packed = true},
                     .dtype = dtype});
}

TEST_CASE("a fused layer on a CUDA device takes 16-bit x as its numbers", "[cuda]") {
  RV_NEEDS_CUDA();
  const std::vector<Neuron> neurons{IFOptions{}, ParametricLIFOptions{}, ALIFOptions{.tau = 3}};
  for (const DType dtype : {DType::bf16, DType::f16}) {
    for (const Neuron& neuron : neurons)
      for (const SpikePool pool : pools)
        for (const std::int64_t steps : {0, 4})
          for (const bool from_state : {false, true})
            check_rounded({.neuron = neuron,
                           .x = steps > 0 ? Shape{2, 7, 5, 12} : Shape{9, 2, 7, 5, 12},
                           .options = {.steps = steps, .pool = pool},
                           .from_state = from_state},
                          dtype, dtype);
    for (const bool training : {true, false})
      for (const bool still : {false, true})
        check_rounded({.neuron = LIFOptions{},
                       .x = still ? Shape{8, 14, 14, 128} : Shape{4, 8, 14, 14, 128},
                       .options = {.norm = {.training = training},
                                   .steps = still ? 4 : 0,
                                   .pool = SpikePool::max}},
                      dtype, dtype);
  }
}

TEST_CASE("a fused layer on a CUDA device widens 16-bit x that its kernels do not fit", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : {DType::bf16, DType::f16}) {
    check_rounded(
        {.neuron = IFOptions{}, .x = {4, 2, 6, 6, 9}, .options = {.pool = SpikePool::max}}, dtype,
        DType::f32);
    check_rounded({.neuron = IFOptions{},
                   .x = {4, 2, 6, 6, 8},
                   .options = {.norm = {.mode = BatchNormMode::step}, .pool = SpikePool::max}},
                  dtype, DType::f32);
    check_rounded({.neuron = LeakyIntegratorOptions{}, .x = {4, 2, 8}}, dtype, DType::f32);
  }
}

TEST_CASE("packed fused spikes of 16-bit x on a CUDA device are those of its numbers", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = normal({3, 2, 4, 4, 64}, 0.5, 1).to(DType::bf16).to(cuda_device);
  const NormNeuronPoolOptions options{.pool = SpikePool::max, .packed = true};
  const auto spikes = [&](const Tensor& of) {
    return norm_neuron_pool(of, {}, {}, {}, IFOptions{}, {}, options).spikes;
  };
  check_same(spikes(x), spikes(x.to(DType::f32)).to(cpu_device), 0);
}

TEST_CASE("large fused layers on a CUDA device equal their parts and the CPU", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const bool still : {true, false}) {
    Case c{.neuron = IFOptions{},
           .x = still ? Shape{16, 28, 28, 128} : Shape{4, 16, 14, 14, 128},
           .options = {.steps = still ? 4 : 0, .pool = SpikePool::max}};
    check_equal(c);
    // Given the same coefficients, spikes are the CPU's; running statistics are given.
    c.options.norm.training = false;
    c.options.final_state = true;
    const Inputs a = inputs_for(c, cuda_device), b = inputs_for(c, cpu_device);
    const NormNeuronPoolResult got = fused(a, c), wanted = fused(b, c);
    check_same(got.spikes, wanted.spikes, 0);
    const std::vector<Tensor> grads = gradients(a, got, c.dtype);
    const std::vector<Tensor> expected = gradients(b, wanted, c.dtype);
    for (std::size_t i = 0; i < grads.size(); ++i) {
      INFO("gradient " << i);
      check_same(grads[i], expected[i], 1e-5);
    }
  }
}

TEST_CASE("a fused layer on a CUDA device gives the same bits every time", "[cuda]") {
  RV_NEEDS_CUDA();
  const Case c{.neuron = ParametricLIFOptions{},
               .x = {4, 8, 14, 14, 64},
               .options = {.pool = SpikePool::max, .final_state = true}};
  const auto run = [&] {
    const Inputs in = inputs_for(c, cuda_device);
    std::vector<double> all;
    for (const Tensor& gradient : gradients(in, fused(in, c), c.dtype)) {
      const std::vector<double> values = to_vector(gradient);
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  };
  CHECK(run() == run());
}

TEST_CASE("a fused layer on a CUDA device keeps x and nothing as large", "[cuda]") {
  RV_NEEDS_CUDA();
  const Case c{.neuron = IFOptions{}, .x = {4, 8, 16, 16, 32}, .options = {.pool = SpikePool::max}};
  const Inputs in = inputs_for(c, cuda_device);
  const std::int64_t before = saved_bytes();
  const NormNeuronPoolResult result = fused(in, c);
  CHECK(saved_bytes() - before <= in.x.nbytes() + 4096);
}

TEST_CASE("a fused layer on a CUDA device takes no images, and no gamma", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor none = zeros({4, 0, 6, 6, 8}, {.device = cuda_device}).set_requires_grad(true);
  const RunningStatistics running{zeros({8}, {.device = cuda_device}),
                                  full({8}, 1, {.device = cuda_device})};
  const auto result = norm_neuron_pool(none, {}, {}, running, IFOptions{}, {},
                                       {.norm = {.training = false}, .pool = SpikePool::max});
  CHECK(result.spikes.shape() == Shape{4, 0, 3, 3, 8});
  result.spikes.backward(zeros({4, 0, 3, 3, 8}, {.device = cuda_device}));
  CHECK(none.grad().shape() == none.shape());

  const Tensor x = normal({3, 4, 6}, 0, 1).to(cuda_device).detach().set_requires_grad(true);
  const auto got = norm_neuron_pool(x, {}, {}, {}, LIFOptions{});
  CHECK(to_vector(got.spikes) == to_vector(scan(LIFOptions{}, batch_norm(x, {}, {}, {})).spikes));
}

TEST_CASE("a fused layer refuses mixed devices and rows that cannot be packed", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = zeros({3, 2, 4, 4, 5}, {.device = cuda_device});
  CHECK_ERROR(norm_neuron_pool(x, full({5}, 1), {}, {}, IFOptions{}), ErrorCode::device,
              "[norm_neuron_pool] gamma is on cpu and x on cuda:0; all must be on one device.");
  CHECK_ERROR(norm_neuron_pool(x, {}, {}, {zeros({5}), full({5}, 1)}, IFOptions{}),
              ErrorCode::device, "the running mean is on cpu and x on cuda:0");
  CHECK_ERROR(norm_neuron_pool(x, {}, {}, {}, IFOptions{}, {}, {.packed = true}),
              ErrorCode::invalid_argument, "need a multiple of 64 channels; got 5.");
  CHECK_ERROR(
      norm_neuron_pool(x.to(DType::bf16), full({5}, 1, {.device = cuda_device}).to(DType::bf16), {},
                       {}, IFOptions{}),
      ErrorCode::invalid_argument, "[norm_neuron_pool] gamma must be f32 (5,)");
  CHECK_ERROR(norm_neuron_pool(x, {}, {}, {}, ParametricLIFOptions{}), ErrorCode::device,
              "[parametric_lif] w is on cpu and x on cuda:0");
}
