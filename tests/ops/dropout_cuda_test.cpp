#include <memory>

#include "ranvier/core/cuda_graph.h"
#include "ranvier/core/graph_random.h"
#include "ranvier/ops/dropout/dropout.h"
#include "ranvier/ops/shape/slice.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"
#include "tests/support/values.h"

using namespace ranvier;
using namespace ranvier::test;

namespace {

using Inputs = std::vector<Tensor>;

Tensor leaf(const Shape& shape, DType dtype) {
  return random_values(shape, 1, dtype).set_requires_grad(true);
}

}  // namespace

TEST_CASE("dropout and its gradient are the CPU's bit for bit on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16, DType::f16})
    for (const Shape& shape : {Shape{1, 1}, Shape{3, 17}, Shape{5, 7, 33}, Shape{2, 64},
                               Shape{4, 1000}, Shape{3, 50'021}, Shape{250, 16, 128}, Shape{0, 4}})
      for (const bool shared : {false, true}) {
        INFO(name(dtype) << " " << to_string(shape) << (shared ? ", shared" : ""));
        check_on_cuda(
            [&](const Inputs& in) {
              return dropout(in[0], {.p = 0.3, .shared_steps = shared}, true);
            },
            {leaf(shape, dtype)}, 0);
      }
}

TEST_CASE("dropout of values that begin anywhere is the CPU's on a CUDA device",
          "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  const auto of_rest = [&](const Tensor& all) {
    seed(3);
    return dropout(slice(all, 0, 1, 1001), {}, true);
  };
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const Tensor x = random_values({1001}, 2).to(dtype);
    check_same(of_rest(x.to(cuda_device)), of_rest(x), 0);
  }
}

TEST_CASE("recorded draws begin where the generator is at each replay", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = full({2, 300}, 1, {.device = cuda_device});
  const auto step = [&] {
    const Tensor first = dropout(x, {}, true);
    return std::vector{first.to(cpu_device),
                       dropout(first, {.shared_steps = true}, true).to(cpu_device)};
  };
  seed(5);
  std::vector<Tensor> expected;
  for (int i = 0; i < 3; ++i)
    for (const Tensor& y : step()) expected.push_back(y);
  const std::uint64_t end = default_generator().next_block;

  seed(5);
  GraphRandom random(cuda_device);
  {
    const GraphRandom::Recording recording(random);
    step();
  }
  CHECK(default_generator().next_block == 0);
  CHECK(random.blocks() * 3 == end);
  // In place of launching a graph, the work is done again with the draws of a recording.
  for (std::size_t i = 0; i < 3; ++i) {
    random.advance();
    const GraphRandom::Recording recording(random);
    const std::vector<Tensor> got = step();
    CHECK(same_bits(got[0], expected[2 * i]));
    CHECK(same_bits(got[1], expected[2 * i + 1]));
  }
  CHECK(default_generator().next_block == end);
}

TEST_CASE("draws on the CPU and from other generators take no part in a recording", "[cuda]") {
  RV_NEEDS_CUDA();
  Generator other{.seed = 7, .next_block = 3};
  GraphRandom random(cuda_device);
  const GraphRandom::Recording recording(random);
  CHECK_FALSE(reserve_blocks(4, cpu_device).base.defined());
  CHECK_FALSE(reserve_blocks(4, cuda_device, other).base.defined());
  CHECK(other.next_block == 4);
  CHECK(reserve_blocks(4, cuda_device).base.defined());
  CHECK_ERROR(GraphRandom::Recording(random), ErrorCode::invalid_argument,
              "[graph_random] another recording is alive on this thread.");
}

TEST_CASE("draws are recorded on CUDA devices only") {
  CHECK_ERROR(GraphRandom(cpu_device), ErrorCode::invalid_argument,
              "[graph_random] work is captured on CUDA devices only; got cpu.");
}

TEST_CASE("dropout in a graph draws a new mask at each launch, as outside of one", "[cuda]") {
  RV_NEEDS_CUDA();
  Tensor x = full({300}, 1, {.device = cuda_device}).set_requires_grad(true);
  const Tensor ones = full({300}, 1, {.device = cuda_device});
  GraphRandom random(cuda_device);
  seed(6);
  Tensor y;
  const auto step = [&] {
    y = dropout(x, {}, true);
    y.backward(ones);
  };
  x.set_grad(zeros({300}, {.device = cuda_device}));
  std::unique_ptr<CudaGraph> graph;
  {
    const GraphRandom::Recording recording(random);
    graph = std::make_unique<CudaGraph>(cuda_device, step);
  }
  const Tensor recorded = y.detach();
  for (int i = 0; i < 3; ++i) {
    const Generator before = default_generator();
    const Tensor expected = dropout(ones, {}, true);
    default_generator() = before;
    random.advance();
    graph->launch();
    CHECK(same_bits(recorded.to(cpu_device), expected.to(cpu_device)));
  }
}
