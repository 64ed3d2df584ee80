// Moves of elements on a CUDA device: every one is the CPU's, bit for bit.
#include "ranvier/core/random.h"
#include "ranvier/ops/shape/broadcast.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/index_select.h"
#include "ranvier/ops/shape/shape_ops.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/ops/spikes/spikes.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"
#include "tests/support/values.h"

using namespace ranvier;
using namespace ranvier::test;

namespace {

constexpr DType every_dtype[] = {DType::f32, DType::f64, DType::f16,
                                 DType::u8,  DType::i64, DType::bits};

/// Small whole numbers, so that every dtype holds them.
Tensor values(const Shape& shape, DType dtype) {
  if (dtype == DType::bits) return to_bits(random_spikes(shape, 0.3, 5));
  Tensor x = uniform(shape, 0, 100).to(DType::u8).to(dtype);
  if (dtype == DType::f32 || dtype == DType::f64) x.set_requires_grad(true);
  return x;
}

void check_move(const std::function<Tensor(const Tensor&)>& f, const Shape& shape, DType dtype) {
  CAPTURE(to_string(shape), name(dtype));
  check_on_cuda([&](const std::vector<Tensor>& x) { return f(x[0]); }, {values(shape, dtype)}, 0);
}

Tensor indices(const std::vector<std::int64_t>& places) {
  return from_vector(places, {static_cast<std::int64_t>(places.size())});
}

}  // namespace

TEST_CASE("axes are permuted on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  struct Case {
    Shape shape;
    std::vector<int> order;
  };
  const Case cases[] = {{{7, 5}, {1, 0}},
                        {{100, 130}, {1, 0}},
                        {{1000, 3}, {1, 0}},
                        {{3, 1000}, {1, 0}},
                        {{4, 33, 65}, {0, 2, 1}},
                        {{4, 9, 10, 64}, {0, 3, 1, 2}},
                        {{4, 64, 9, 10}, {0, 2, 3, 1}},
                        {{6, 50, 16}, {1, 0, 2}},
                        {{6, 50, 17}, {1, 0, 2}},
                        {{3, 4, 5, 6, 2}, {4, 2, 0, 3, 1}},
                        {{20, 40, 30}, {2, 1, 0}},
                        {{1, 8, 1, 1}, {3, 1, 2, 0}},
                        {{0, 4}, {1, 0}}};
  for (const auto& [shape, order] : cases)
    for (const DType dtype : every_dtype)
      if (dtype != DType::bits || order.back() == shape.rank() - 1)
        check_move([&](const Tensor& x) { return permute(x, order); }, shape, dtype);
}

TEST_CASE("slices are copied on a CUDA device, and their gradients padded", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : every_dtype)
    for (const Shape& shape : {Shape{9, 20, 16}, Shape{3, 17, 33}, Shape{2, 5000, 4}}) {
      check_move([](const Tensor& x) { return slice(x, 0, 1, 2); }, shape, dtype);
      check_move([](const Tensor& x) { return slice(x, 1, 3, 11); }, shape, dtype);
      if (dtype != DType::bits)
        check_move([](const Tensor& x) { return slice(x, 2, 1, 4); }, shape, dtype);
    }
}

TEST_CASE("tensors are joined on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : every_dtype)
    for (const int axis : {0, 1}) {
      const Tensor a = values({5, 6, 24}, dtype), b = values({5, 6, 24}, dtype);
      check_on_cuda(
          [&](const std::vector<Tensor>& x) {
            return concat({x[0], x[1]}, axis);
          },
          {a, b}, 0);
      check_on_cuda(
          [&](const std::vector<Tensor>& x) {
            return stack({x[0], x[1], x[0]}, axis);
          },
          {a, b}, 0);
    }
  check_on_cuda(
      [](const std::vector<Tensor>& x) {
        return concat({x[0], x[1]}, 1);
      },
      {values({300, 3}, DType::f32), values({300, 130}, DType::f32)}, 0);
  CHECK_ERROR(concat({zeros({2}), zeros({2}, {.device = cuda_device})}),
              ErrorCode::invalid_argument, "part 0 is f32 on cpu, part 1 is f32 on cuda:0");
}

TEST_CASE("tensors are repeated on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : every_dtype) {
    check_move([](const Tensor& x) { return broadcast_to(x, {7, 5, 64}); }, {5, 64}, dtype);
    check_move([](const Tensor& x) { return broadcast_to(x, {4, 6, 33}); }, {6, 33}, dtype);
    check_move([](const Tensor& x) { return repeat_time(x, 5); }, {100, 12}, dtype);
    if (dtype != DType::bits)
      check_move([](const Tensor& x) { return broadcast_to(x, {300, 70}); }, {300, 1}, dtype);
  }
}

TEST_CASE("rows are chosen on a CUDA device", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  const Tensor places = indices({3, 0, 3, 6, 1, 3, 0});
  for (const DType dtype : every_dtype)
    for (const Shape& shape : {Shape{7, 4}, Shape{7, 33}, Shape{7, 3, 700}}) {
      const Tensor x = values(shape, dtype);
      for (const Device device : {cpu_device, cuda_device})
        check_same(index_select(x.to(cuda_device), places.to(device)), index_select(x, places), 0);
    }
  for (const DType dtype : {DType::f32, DType::f64})
    check_on_cuda([](const std::vector<Tensor>& x) { return index_select(x[0], x[1]); },
                  {values({7, 1000}, dtype), places}, 0);
}

TEST_CASE("rows that are not there show as NaN on a CUDA device, and are errors if seen",
          "[cuda]") {
  RV_NEEDS_CUDA();
  Tensor x = leaf_on_cuda(values({3, 5}, DType::f32));
  const Tensor wrong = indices({1, 3, -1});
  CHECK_ERROR(index_select(x, wrong), ErrorCode::invalid_argument,
              "indices[1] = 3 is outside [0, 3)");
  const Tensor y = index_select(x, wrong.to(cuda_device));
  CHECK(std::isfinite(to_vector(y)[0]));
  CHECK(std::isnan(to_vector(y)[5]));
  CHECK(std::isnan(to_vector(y)[14]));
  y.backward(full({3, 5}, 1, {.device = cuda_device}));
  CHECK(to_vector(x.grad())[5] == 1);
  CHECK(to_vector(x.grad())[10] == 0);
  CHECK_ERROR(index_select(zeros({3, 5}), wrong.to(cuda_device)), ErrorCode::device,
              "[index_select] the indices are on cuda:0 and x on cpu");
}

TEST_CASE("packed rows are repacked on a CUDA device, padding and all", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const std::int64_t from : {1, 3, 60, 64, 65, 128, 130, 420})
    for (const std::int64_t to : {1, 4, 63, 64, 70, 128, 390, 840}) {
      const std::int64_t count = from * to * 3;
      CAPTURE(from, to);
      const Tensor x = to_bits(random_spikes({count / from, from}, 0.3, 9));
      const Tensor y = reshape(x.to(cuda_device), {count / to, to});
      CHECK(same_bits(y.to(cpu_device), reshape(x, {count / to, to})));
    }
}
