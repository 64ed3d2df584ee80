#include "ranvier/core/cuda_graph.h"
#include "ranvier/optim/optimizer.h"

#include "ranvier/core/allocator.h"
#include "ranvier/core/rounded_copy.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

// Parameters of many lengths, more than one launch takes.
NamedTensors parameters_on(Device device) {
  NamedTensors result;
  std::uint64_t seed = 1;
  for (const std::int64_t count : {1, 3, 4, 17, 1000, 1024, 1025, 300'001, 0})
    result.push_back({fmt::format("{}", count), random_values({count}, seed++).to(device)});
  for (int i = 0; i < 60; ++i)
    result.push_back({fmt::format("small{}", i), random_values({i + 1}, seed++).to(device)});
  return result;
}

void set_gradients(const NamedTensors& parameters, std::uint64_t seed) {
  for (const auto& [name, tensor] : parameters) {
    Tensor parameter = tensor;
    parameter.set_grad(random_values(tensor.shape(), seed++).to(tensor.device()));
  }
}

const OptimizerOptions options[] = {
    {.lr = 0.1},
    {.lr = 0.1, .weight_decay = 0.01, .momentum = 0.9},
    {.lr = 0.05, .weight_decay = 0.1, .momentum = 0.8, .nesterov = true}};

}  // namespace

TEST_CASE("optimizers on a CUDA device give the CPU's bits", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const std::string& name : optimizer_names())
    for (const OptimizerOptions& o : options) {
      CAPTURE(name, o.momentum, o.nesterov);
      const NamedTensors on_cpu = parameters_on(cpu_device), on_cuda = parameters_on(cuda_device);
      const ParameterGroups groups{{.names = {"1000", "small7"}, .lr_factor = 3},
                                   {.names = {"300001"}, .weight_decay = 0.5}};
      const auto cpu = make_optimizer(name, on_cpu, o, groups);
      const auto cuda = make_optimizer(name, on_cuda, o, groups);
      for (std::uint64_t step = 0; step < 4; ++step) {
        set_gradients(on_cpu, step);
        set_gradients(on_cuda, step);
        cpu->set_lr(0.1 / static_cast<double>(step + 1));
        cuda->set_lr(cpu->lr());
        cpu->step();
        cuda->step();
      }
      for (std::size_t i = 0; i < on_cpu.size(); ++i)
        check_same(on_cuda[i].tensor, on_cpu[i].tensor, 0);
      const NamedTensors cpu_state = cpu->state(), cuda_state = cuda->state();
      for (std::size_t i = 0; i + 1 < cpu_state.size(); ++i)
        check_same(cuda_state[i].tensor, cpu_state[i].tensor, 0);
      CHECK(cuda_state.back().tensor.device() == cpu_device);
      CHECK(same_bits(cuda_state.back().tensor, cpu_state.back().tensor));
    }
}

TEST_CASE("a parameter without gradient stays on a CUDA device too", "[cuda]") {
  RV_NEEDS_CUDA();
  Tensor a = full({5}, 1, {.device = cuda_device}), b = full({5}, 1, {.device = cuda_device});
  a.set_grad(full({5}, 1, {.device = cuda_device}));
  const auto adam = make_optimizer("adamw", {{"a", a}, {"b", b}}, {.lr = 0.5, .weight_decay = 0.5});
  adam->step();
  CHECK(to_vector(a)[4] != 1);
  CHECK(to_vector(b) == std::vector<double>(5, 1.0));
}

TEST_CASE("a step on a CUDA device is one launch and takes no memory", "[cuda]") {
  RV_NEEDS_CUDA();
  Tensor a = full({5000}, 1, {.device = cuda_device}), b = full({77}, 1, {.device = cuda_device});
  a.set_grad(full({5000}, 1, {.device = cuda_device}));
  b.set_grad(full({77}, 1, {.device = cuda_device}));
  const auto adam = make_optimizer("adam", {{"a", a}, {"b", b}});
  const std::int64_t before = allocator(cuda_device).stats().requests;
  adam->step();
  CHECK(allocator(cuda_device).stats().requests == before);
}

TEST_CASE("a recorded step takes the learning rate and the count of each launch", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const std::string& name : optimizer_names()) {
    CAPTURE(name);
    Tensor expected = random_values({1000}, 1), moved = expected.to(cuda_device);
    const Tensor grad = random_values({1000}, 2);
    expected = clone(expected);
    expected.set_grad(grad);
    moved.set_grad(grad.to(cuda_device));
    const auto cpu = make_optimizer(name, {{"w", expected}});
    const auto cuda = make_optimizer(name, {{"w", moved}});
    cpu->step();
    cuda->step();
    const CudaGraph graph(cuda_device, [&] { cuda->launch_step(); });
    for (int step = 0; step < 3; ++step) {
      cpu->set_lr(0.1 * (step + 1));
      cuda->set_lr(0.1 * (step + 1));
      cpu->step();
      cuda->prepare_step();
      graph.launch();
    }
    check_same(moved, expected, 0);
  }
}

TEST_CASE("an optimizer writes the rounded copies that are kept on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  const DType dtype = GENERATE(DType::bf16, DType::f16);
  for (const std::string& name : optimizer_names()) {
    CAPTURE(name);
    const NamedTensors parameters = parameters_on(cuda_device);
    const auto optimizer = make_optimizer(name, parameters);
    for (const auto& [of, tensor] : parameters) rounded_copy(tensor, dtype);
    set_gradients(parameters, 1);
    optimizer->step();
    for (const auto& [of, tensor] : parameters) {
      check_same(detail::kept_copy(tensor), tensor.to(cpu_device).to(dtype), 0);
      CHECK(rounded_copy(tensor, dtype).raw_data() == detail::kept_copy(tensor).raw_data());
    }
    const CudaGraph graph(cuda_device, [&] { optimizer->launch_step(); });
    optimizer->prepare_step();
    graph.launch();
    for (const auto& [of, tensor] : parameters)
      check_same(rounded_copy(tensor, dtype), tensor.to(cpu_device).to(dtype), 0);
  }
}

TEST_CASE("copies that a recorded step does not write are made anew after it", "[cuda]") {
  RV_NEEDS_CUDA();
  Tensor weight = random_values({1000}, 1).to(cuda_device);
  weight.set_grad(full({1000}, 1, {.device = cuda_device}));
  const auto sgd = make_optimizer("sgd", {{"w", weight}}, {.lr = 0.25});
  sgd->step();
  const CudaGraph of_f32(cuda_device, [&] { sgd->launch_step(); });
  rounded_copy(weight, DType::bf16);
  const CudaGraph of_bf16(cuda_device, [&] { sgd->launch_step(); });
  for (const DType dtype : {DType::bf16, DType::f16, DType::bf16})
    for (const CudaGraph* graph : {&of_f32, &of_bf16, &of_f32}) {
      check_same(rounded_copy(weight, dtype), weight.to(cpu_device).to(dtype), 0);
      sgd->prepare_step();
      graph->launch();
      check_same(rounded_copy(weight, dtype), weight.to(cpu_device).to(dtype), 0);
    }
}

TEST_CASE("a graph reads rounded copies of what its weights hold when it is launched", "[cuda]") {
  RV_NEEDS_CUDA();
  Tensor weight = full({100}, 1, {.device = cuda_device});
  rounded_copy(weight, DType::bf16);
  Tensor read;
  const CudaGraph graph(cuda_device, [&] { read = clone(rounded_copy(weight, DType::bf16)); });
  fill(weight, 2.5);
  graph.launch();
  CHECK(to_vector(read) == std::vector<double>(100, 2.5));
}

TEST_CASE("optimizers refuse parameters on two devices", "[cuda]") {
  RV_NEEDS_CUDA();
  const NamedTensors both{{"a", zeros({2})}, {"b", zeros({2}, {.device = cuda_device})}};
  CHECK_ERROR(make_optimizer("sgd", both), ErrorCode::invalid_argument,
              "[sgd] parameters must be on one device; 'a' is on cpu and 'b' on cuda:0.");
}

}  // namespace ranvier::test
