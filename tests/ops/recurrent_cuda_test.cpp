// Recurrent neurons on a CUDA device, against the CPU: spikes of f32 bit for bit.
#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/neurons/recurrent_scan.h"
#include "ranvier/ops/spikes/spikes.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"
#include "tests/support/neuron_on_device.h"

using namespace ranvier;
using namespace ranvier::test;

namespace {

struct Case {
  Neuron neuron;
  std::int64_t steps, rows, columns;
  DType dtype = DType::f32;
  bool from_state = false;
  bool packed = false;
};

/// What a case reads, on the CPU.
struct Inputs {
  Tensor x, weight;
  std::vector<Tensor> state;  // the variables and the last output; empty at rest
};

Inputs inputs_for(const Case& c) {
  seed(3);
  Inputs in;
  in.x = normal({c.steps, c.rows, c.columns}, 0.6, 1.0).to(c.dtype);
  in.weight = normal({c.columns, c.columns}, 0, 0.5 / std::sqrt(c.columns)).to(c.dtype);
  if (!c.from_state) return in;
  const Shape step{c.rows, c.columns};
  for (int k = 0; k < c.neuron.states(); ++k)
    in.state.push_back(normal(step, 0.2, 0.3).to(c.dtype));
  const std::vector<double> drawn = to_vector(uniform(step, 0, 1));
  std::vector<float> output;
  for (const double value : drawn) output.push_back(value < 0.3 ? 1.0f : 0.0f);
  in.state.push_back(from_vector(output, step).to(c.dtype));
  return in;
}

struct Results {
  std::vector<Tensor> outputs, gradients;  // of x, the weight, the state, the learnables
};

Results run(const Case& c, Device device, const Inputs& in) {
  const Neuron neuron = neuron_on(device, c.neuron, c.dtype);
  std::vector<Tensor> leaves;
  const auto leaf = [&](const Tensor& tensor) {
    Tensor copy = tensor.detach().to(device);
    copy.set_requires_grad(true);
    leaves.push_back(copy);
    return copy;
  };
  const Tensor x = leaf(in.x), weight = leaf(in.weight);
  std::vector<Tensor> variables;
  for (const Tensor& variable : in.state) variables.push_back(leaf(variable));
  const RecurrentScanResult result = recurrent_scan(neuron, x, weight, NeuronState(variables),
                                                    {.packed = c.packed, .final_state = true});
  Results all{.outputs = {result.spikes}, .gradients = {}};
  for (const Tensor& variable : result.state.variables()) all.outputs.push_back(variable);
  seed(7);
  for (const Tensor& output : all.outputs) {
    const DType dtype = output.dtype() == DType::bits ? DType::f32 : c.dtype;
    output.backward(normal(output.shape(), 0, 1).to(dtype).to(device), {.retain_graph = true});
  }
  leaves.insert(leaves.end(), neuron.learnables.begin(), neuron.learnables.end());
  for (const Tensor& each : leaves) all.gradients.push_back(each.grad());
  return all;
}

void compare(const Case& c) {
  CAPTURE(c.neuron.name(), c.steps, c.rows, c.columns, name(c.dtype), c.from_state, c.packed);
  const Inputs in = inputs_for(c);
  const Results cpu = run(c, cpu_device, in), cuda = run(c, cuda_device, in);
  const double rounding = c.dtype == DType::f32 ? 2e-5 : 1e-11;
  const bool same_bits = c.neuron.spiking() && c.dtype == DType::f32;
  for (std::size_t i = 0; i < cpu.outputs.size(); ++i) {
    INFO("output " << i);
    check_same(cuda.outputs[i], cpu.outputs[i], same_bits ? 0 : rounding);
  }
  for (std::size_t i = 0; i < cpu.gradients.size(); ++i) {
    INFO("gradient " << i);
    check_same(cuda.gradients[i], cpu.gradients[i], rounding);
  }
}

std::vector<Neuron> every_model() {
  return {IFOptions{.v_reset = std::nullopt},
          LIFOptions{.tau = 3.0, .decay_input = false, .v_reset = -0.1},
          ParametricLIFOptions{.decay_input = false},
          ALIFOptions{.tau = 3, .tau_adapt = 4, .decay_input = false},
          CubaLIFOptions{.tau = 3, .tau_syn = 2, .decay_input = false},
          LeakyOptions{.learn_beta = true},
          LeakyIntegratorOptions{.tau = 5.0}};
}

}  // namespace

TEST_CASE("recurrent neurons on a CUDA device are the CPU's", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const Neuron& neuron : every_model())
    for (const DType dtype : {DType::f32, DType::f64})
      for (const std::int64_t columns : {1, 5, 64, 128, 130, 256})
        for (const std::int64_t steps : {1, 7, 40})
          for (const bool from_state : {false, true})
            compare({neuron, steps, columns % 3 + 1, columns, dtype, from_state});
}

TEST_CASE("many rows of recurrent neurons on a CUDA device are the CPU's", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const Neuron& neuron : every_model()) compare({neuron, 17, 300, 37, DType::f32, true});
}

TEST_CASE("rows longer than a block of a CUDA device take turns", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const std::int64_t columns : {513, 1000, 1024, 1100, 2500})
    for (const bool packed : {false, true})
      compare({LIFOptions{.decay_input = false}, 9, 3, columns, DType::f32, true, packed});
  compare({ALIFOptions{.decay_input = false}, 9, 2, 1100, DType::f64, true});
  compare({LeakyIntegratorOptions{}, 9, 2, 1100, DType::f32, true});
}

TEST_CASE("packed spikes of recurrent neurons on a CUDA device are the CPU's", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : {DType::f32, DType::f64})
    for (const std::int64_t columns : {1, 31, 64, 100, 128})
      compare({LIFOptions{.decay_input = false}, 6, 5, columns, dtype, true, true});
}

TEST_CASE("every surrogate has its gradient in recurrent neurons on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  AllSurrogates::for_each([]<class S>(int) {
    for (const DType dtype : {DType::f32, DType::f64})
      compare({LIFOptions{.decay_input = false, .surrogate = S{}}, 20, 3, 70, dtype});
  });
}

TEST_CASE("recurrent neurons on a CUDA device give the same bits again", "[cuda]") {
  RV_NEEDS_CUDA();
  const Case c{ParametricLIFOptions{.decay_input = false}, 30, 100, 130};
  const Inputs in = inputs_for(c);
  const Results first = run(c, cuda_device, in), again = run(c, cuda_device, in);
  for (std::size_t i = 0; i < first.gradients.size(); ++i)
    check_same(again.gradients[i], first.gradients[i].to(cpu_device), 0);
}

TEST_CASE("an empty batch of recurrent neurons on a CUDA device has gradients of zero", "[cuda]") {
  RV_NEEDS_CUDA();
  compare({ParametricLIFOptions{}, 4, 0, 8});
}

TEST_CASE("recurrent neurons on two devices are refused", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = normal({4, 2, 3}, 0, 1).to(cuda_device), weight = zeros({3, 3});
  CHECK_ERROR(recurrent_scan(LIFOptions{}, x, weight), ErrorCode::device,
              "[recurrent_scan] the weight is on cpu and x on cuda:0");
  const Tensor moved = weight.to(cuda_device);
  CHECK_ERROR(recurrent_scan(LIFOptions{}, x, moved,
                             NeuronState({zeros({2, 3}).to(cuda_device), zeros({2, 3})})),
              ErrorCode::device, "[recurrent_scan] the last output is on cpu and x on cuda:0");
  CHECK_ERROR(recurrent_scan(ParametricLIFOptions{}, x, moved), ErrorCode::device,
              "[parametric_lif] w is on cpu and x on cuda:0");
}

TEST_CASE("rows that do not fit a CUDA device's shared memory are refused", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = empty({1, 1, 4000}, {.dtype = DType::f64, .device = cuda_device});
  const Tensor weight = empty({4000, 4000}, {.dtype = DType::f64, .device = cuda_device});
  CHECK_ERROR(recurrent_scan(LIFOptions{}, x, weight), ErrorCode::invalid_argument,
              "[recurrent_scan] rows of 4000 neurons need 64000 bytes");
}
