// The neurons of the library on a CUDA device: spikes and states are the CPU's, bit for bit.
#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/neurons/scan.h"
#include "ranvier/ops/shape/shape_ops.h"
#include "ranvier/ops/shape/slice.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"
#include "tests/support/neuron_on_device.h"

using namespace ranvier;
using namespace ranvier::test;

namespace {

/// A neuron's scan on both devices: all outputs and all gradients.
struct Case {
  Neuron neuron;
  Shape shape;  // of x, or of one step if `steps` > 0
  std::int64_t steps = 0;
  DType dtype = DType::f32;
  bool from_state = false;
};

struct Results {
  std::vector<Tensor> outputs, gradients;
};

Results run(const Case& c, Device device, const Tensor& x, const std::vector<Tensor>& state) {
  const Neuron neuron = neuron_on(device, c.neuron, c.dtype);
  std::vector<Tensor> leaves;
  const auto leaf = [&](const Tensor& tensor) {
    Tensor copy = tensor.detach().to(device);
    copy.set_requires_grad(true);
    leaves.push_back(copy);
    return copy;
  };
  const Tensor input = leaf(x);
  std::vector<Tensor> variables;
  for (const Tensor& variable : state) variables.push_back(leaf(variable));
  const ScanResult result =
      scan(neuron, input, variables.empty() ? NeuronState() : NeuronState(variables),
           {.steps = c.steps, .final_state = true, .trace = true, .rate = true});
  Results all{.outputs = {result.spikes, result.trace, result.rate}, .gradients = {}};
  for (const Tensor& variable : result.state.variables()) all.outputs.push_back(variable);
  seed(7);
  for (const Tensor& output : all.outputs)
    output.backward(normal(output.shape(), 0, 1).to(c.dtype).to(device), {.retain_graph = true});
  leaves.insert(leaves.end(), neuron.learnables.begin(), neuron.learnables.end());
  for (const Tensor& each : leaves) all.gradients.push_back(each.grad());
  return all;
}

void compare(const Case& c) {
  CAPTURE(c.neuron.name(), c.shape[0], c.shape[-1], c.steps, name(c.dtype), c.from_state);
  seed(3);
  const Tensor x = normal(c.shape, 0.6, 1.0).to(c.dtype);
  const Shape step = c.steps > 0 ? c.shape : c.shape.sub(1, c.shape.rank());
  std::vector<Tensor> state;
  for (int k = 0; c.from_state && k < c.neuron.states(); ++k)
    state.push_back(normal(step, 0.2, 0.3).to(c.dtype));
  const Results cpu = run(c, cpu_device, x, state), cuda = run(c, cuda_device, x, state);
  for (std::size_t i = 0; i < cpu.outputs.size(); ++i) {
    INFO("output " << i);
    check_same(cuda.outputs[i], cpu.outputs[i], 0);
  }
  for (std::size_t i = 0; i < cpu.gradients.size(); ++i) {
    INFO("gradient " << i);
    const bool summed = i > state.size();  // of a learnable: a sum over all neurons
    check_same(cuda.gradients[i], cpu.gradients[i],
               summed ? (c.dtype == DType::f32 ? 1e-5 : 1e-12) : 0);
  }
}

/// Which output of a scan is differentiated.
enum class Output { spikes, trace, rate };

/// A scan of x and what one gradient of one output gives.
struct Differentiated {
  ScanResult result;
  Tensor output;
  std::vector<Tensor> gradients;  // of x, of the state, of learnables
};

Differentiated differentiated(const Case& c, const Neuron& model, const Tensor& x,
                              const std::vector<Tensor>& state, Output which, const Tensor& grad) {
  const Neuron neuron = neuron_on(x.device(), model, DType::f32);
  std::vector<Tensor> leaves{x.detach()}, variables;
  for (const Tensor& variable : state) leaves.push_back(variable.detach().to(x.device()));
  for (Tensor& leaf : leaves) leaf.set_requires_grad(true);
  variables.assign(leaves.begin() + 1, leaves.end());
  Differentiated d;
  d.result = scan(neuron, leaves[0], variables.empty() ? NeuronState() : NeuronState(variables),
                  {.steps = c.steps,
                   .final_state = true,
                   .trace = which == Output::trace,
                   .rate = which == Output::rate});
  d.output = which == Output::spikes  ? d.result.spikes
             : which == Output::trace ? d.result.trace
                                      : d.result.rate;
  d.output.backward(grad.to(d.output.dtype()).to(x.device()));
  leaves.insert(leaves.end(), neuron.learnables.begin(), neuron.learnables.end());
  for (const Tensor& leaf : leaves) d.gradients.push_back(leaf.grad());
  return d;
}

/// A scan of x of `c.dtype`, 16 bit, on the CUDA device against one of the same numbers in f32 on
/// the CPU: the same spikes and states, and the gradient of x is that of f32, rounded once.
void compare_rounded(const Case& c, Output which = Output::spikes) {
  CAPTURE(c.neuron.name(), c.shape[0], c.shape[-1], c.steps, name(c.dtype),
          static_cast<int>(which));
  seed(3);
  const Tensor x = normal(c.shape, 0.6, 1.0).to(c.dtype);
  const Shape step = c.steps > 0 ? c.shape : c.shape.sub(1, c.shape.rank());
  const Shape sequence = c.steps > 0 ? Shape{c.steps}.concat(c.shape) : c.shape;
  std::vector<Tensor> state;
  for (int k = 0; c.from_state && k < c.neuron.states(); ++k)
    state.push_back(normal(step, 0.2, 0.3));
  const Tensor grad = normal(which == Output::rate ? step : sequence, 0, 1).to(c.dtype);
  const auto cpu = differentiated(c, c.neuron, x.to(DType::f32), state, which, grad.to(DType::f32));
  const auto cuda = differentiated(c, c.neuron, x.to(cuda_device), state, which, grad);
  CHECK(cuda.result.spikes.dtype() == (step.numel() % 2 == 0 ? c.dtype : DType::f32));
  check_same(cuda.result.spikes.to(DType::f32), cpu.result.spikes, 0);
  if (which != Output::spikes) check_same(cuda.output, cpu.output, 0);
  for (std::size_t k = 0; k < cpu.result.state.variables().size(); ++k)
    check_same(cuda.result.state.variables()[k], cpu.result.state.variables()[k], 0);
  check_same(cuda.gradients[0], cpu.gradients[0].to(c.dtype), 0);
  for (std::size_t i = 1; i < cpu.gradients.size(); ++i)
    check_same(cuda.gradients[i], cpu.gradients[i], i > state.size() ? 1e-5 : 0);
}

std::vector<Neuron> every_model() {
  return {IFOptions{},
          IFOptions{.v_reset = std::nullopt},
          LIFOptions{.tau = 3.0},
          LIFOptions{.tau = 3.0, .decay_input = false, .v_reset = -0.1},
          ParametricLIFOptions{},
          ALIFOptions{},
          CubaLIFOptions{.tau = 3.0, .tau_syn = 2.0, .v_leak = 0.1},
          LeakyOptions{.beta = 0.9},
          LeakyIntegratorOptions{.tau = 5.0}};
}

}  // namespace

TEST_CASE("neurons on a CUDA device give the CPU's bits", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const Neuron& neuron : every_model())
    for (const DType dtype : {DType::f32, DType::f64})
      for (const std::int64_t steps : {1, 7, 16, 17, 40})
        for (const bool from_state : {false, true})
          compare({neuron, {steps, 33, 5}, 0, dtype, from_state});
}

TEST_CASE("many steps of few neurons give the CPU's bits", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const Neuron& neuron : every_model())
    for (const std::int64_t steps : {48, 49, 250})
      for (const std::int64_t neurons : {1, 4480}) compare({neuron, {steps, neurons}});
  compare({LIFOptions{}, {250, 16384}, 0, DType::f32, true});
}

TEST_CASE("a membrane far from its threshold has no slope, and none of NaN is NaN", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = from_vector(
      std::vector<float>{-3e38f, -1e30f, 1e15f, 1e30f, 3e38f, std::nanf(""), 0.5f, 2}, {8});
  for (const Surrogate& surrogate :
       {Surrogate(surrogate::ATan{}), Surrogate(surrogate::FastSigmoid{}),
        Surrogate(surrogate::Sigmoid{})})
    check_on_cuda(
        [&](const std::vector<Tensor>& leaves) {
          return scan(IFOptions{.surrogate = surrogate}, leaves[0], {}, {.steps = 1}).spikes;
        },
        {Tensor(x).set_requires_grad(true)}, 1e-6);
}

TEST_CASE("threads of four neurons give the CPU's bits", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const Neuron& neuron : every_model()) compare({neuron, {19, 1 << 16}, 0, DType::f32, true});
  compare({LIFOptions{}, {35, (1 << 16) + 4}});
  compare({LIFOptions{}, {5, (1 << 16) + 3}});
}

TEST_CASE("a static input on a CUDA device is read once", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const Neuron& neuron : every_model())
    for (const std::int64_t steps : {1, 4, 25}) {
      compare({neuron, {50, 3}, steps, DType::f32, true});
      compare({neuron, {1 << 16}, steps});
    }
}

TEST_CASE("every surrogate has the CPU's gradient on a CUDA device", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  AllSurrogates::for_each([]<class S>(int) {
    for (const DType dtype : {DType::f32, DType::f64})
      compare({LIFOptions{.surrogate = S{}}, {20, 300}, 0, dtype, false});
  });
}

TEST_CASE("slopes on a CUDA device divide as the CPU does", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const Surrogate& surrogate :
       {Surrogate(surrogate::ATan{}), Surrogate(surrogate::ATan{.alpha = 5}),
        Surrogate(surrogate::FastSigmoid{}), Surrogate(surrogate::Sigmoid{})})
    compare({IFOptions{.surrogate = surrogate}, {1, 1 << 21}});
}

TEST_CASE("16-bit x on a CUDA device gives the spikes and gradients of its numbers", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : {DType::bf16, DType::f16}) {
    for (const Neuron& neuron : every_model()) {
      if (!neuron.spiking()) continue;
      for (const Output which : {Output::spikes, Output::trace, Output::rate})
        compare_rounded({neuron, {17, 33, 2}, 0, dtype, true}, which);
      compare_rounded({neuron, {19, 1 << 16}, 0, dtype, true});
      compare_rounded({neuron, {50, 2}, 4, dtype, true});
      compare_rounded({neuron, {1 << 16}, 11, dtype});
    }
    compare_rounded({LIFOptions{}, {250, 4480}, 0, dtype});
    compare_rounded({LIFOptions{}, {9, (1 << 16) + 2}, 0, dtype});
    compare_rounded({LIFOptions{}, {9, 33}, 0, dtype});  // without kernels for 16 bit
  }
}

TEST_CASE("every surrogate has the gradient of 16-bit x", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  AllSurrogates::for_each([]<class S>(int) {
    for (const DType dtype : {DType::bf16, DType::f16})
      compare_rounded({LIFOptions{.surrogate = S{}}, {20, 300}, 0, dtype});
  });
}

TEST_CASE("16-bit x on a CUDA device at any address is scanned", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  const Tensor x = normal({5 * 8 + 1}, 0.6, 1.0).to(DType::bf16).to(cuda_device);
  const Tensor odd = reshape(slice(x, 0, 1, 41), {5, 8});
  const Neuron neuron = LIFOptions{};
  check_same(scan(neuron, odd).spikes.to(DType::f32),
             scan(neuron, odd.to(cpu_device).to(DType::f32)).spikes, 0);
}

TEST_CASE("a readout of 16-bit x is of f32, packed spikes are the CPU's", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = normal({6, 10, 128}, 0.6, 1.0).to(DType::bf16);
  const Neuron readout = LeakyIntegratorOptions{}, lif = LIFOptions{};
  check_same(scan(readout, x.to(cuda_device)).spikes, scan(readout, x.to(DType::f32)).spikes, 0);
  check_same(scan(lif, x.to(cuda_device), {}, {.packed = true}).spikes,
             scan(lif, x.to(DType::f32), {}, {.packed = true}).spikes, 0);
}

TEST_CASE("packed spikes of a CUDA device are the CPU's", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  const Tensor x = normal({6, 10, 128}, 0.6, 1.0);
  const Neuron neuron = LIFOptions{};
  check_same(scan(neuron, x.to(cuda_device), {}, {.packed = true}).spikes,
             scan(neuron, x, {}, {.packed = true}).spikes, 0);
  CHECK_ERROR(scan(neuron, normal({6, 10, 20}, 0, 1).to(cuda_device), {}, {.packed = true}),
              ErrorCode::invalid_argument, "a multiple of 64 neurons; got 20");
}

TEST_CASE("neurons on two devices are refused", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = normal({6, 10}, 0, 1).to(cuda_device);
  CHECK_ERROR(scan(ParametricLIFOptions{}, x), ErrorCode::device,
              "[parametric_lif] w is on cpu and x on cuda:0");
  CHECK_ERROR(scan(LIFOptions{}, x, NeuronState({zeros({10})})), ErrorCode::device,
              "[lif] the state is on cpu and x on cuda:0");
}
