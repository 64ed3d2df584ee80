// Reductions on a CUDA device: sums are the CPU's to rounding, what is chosen or counted is the
// CPU's bit for bit.
#include "ranvier/ops/reduce/detail/reduce_geometry.h"
#include "ranvier/ops/reduce/extrema.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/reduce/variance.h"
#include "ranvier/ops/shape/broadcast.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/ops/spikes/spikes.h"
#include "tests/support/cuda.h"
#include "tests/support/values.h"

using namespace ranvier;
using namespace ranvier::test;

namespace {

struct Case {
  Shape shape;
  std::vector<int> axes;
};

/// Every kernel, with and without packs of 16 bytes, chunks and idle threads.
const std::vector<Case>& every_case() {
  static const std::vector<Case> cases{
      {{1}, {}},                     // nothing to join
      {{17}, {}},                    // a few threads of a block
      {{1000}, {}},                  // a warp, then a block
      {{100003}, {}},                // chunks of a row
      {{1 << 20}, {}},               // and many
      {{300, 2}, {1}},               // few that lie together
      {{1000, 10}, {1}},             // short rows
      {{77, 784}, {1}},              // a warp each
      {{5, 3000}, {1}},              // a block each
      {{3, 20001}, {1}},             // chunks of several rows
      {{4, 128, 10}, {0}},           // few steps of many results
      {{4, 33, 3}, {0}},             // the same without packs
      {{100, 2048}, {0}},            // columns
      {{512, 10}, {0}},              // narrow columns
      {{1000, 1}, {0}},              // one column
      {{5000, 3}, {0}},              // narrow columns in chunks
      {{3000, 128}, {0}},            // packed columns in chunks
      {{40000, 36}, {0}},            // and many
      {{6, 49, 64}, {1}},            // means of images
      {{3, 3000, 5}, {1}},           // columns of several outer indices in chunks
      {{10, 6, 20, 3}, {0, 2}},      // axes with another between them
      {{9, 8, 7, 6}, {1, -1}},       // and at the end
      {{2, 1, 5, 1, 3}, {1, 2, 3}},  // axes of extent 1
      {{0, 4}, {0}},                 // nothing
  };
  return cases;
}

Tensor leaf(const Shape& shape, DType dtype) {
  Tensor x = random_values(shape, 11, dtype);
  x.set_requires_grad(true);
  return x;
}

double rounding(DType dtype) { return dtype == DType::f32 ? 1e-6 : 1e-12; }

template <class Reduction>
void check_reduction(Reduction reduction, double f32_tolerance, std::int64_t least_count = 0) {
  for (const auto& [shape, axes] : every_case())
    for (const DType dtype : {DType::f32, DType::f64}) {
      if (shape.numel() < least_count) continue;
      CAPTURE(to_string(shape), axes, name(dtype));
      check_on_cuda([&](const std::vector<Tensor>& x) { return reduction(x[0], axes); },
                    {leaf(shape, dtype)}, f32_tolerance == 0 ? 0 : rounding(dtype));
    }
}

}  // namespace

TEST_CASE("sums and means on a CUDA device are the CPU's to rounding", "[cuda]") {
  RV_NEEDS_CUDA();
  check_reduction([](const Tensor& x, const std::vector<int>& axes) { return sum(x, axes); }, 1);
  check_reduction([](const Tensor& x, const std::vector<int>& axes) { return mean(x, axes); }, 1,
                  1);
}

TEST_CASE("variances on a CUDA device are the CPU's to rounding", "[cuda]") {
  RV_NEEDS_CUDA();
  const auto biased = [](const Tensor& x, const std::vector<int>& axes) {
    return var(x, axes, {.correction = 0});
  };
  check_reduction(biased, 1, 1);
}

TEST_CASE("extrema on a CUDA device are the CPU's, and so are their places", "[cuda]") {
  RV_NEEDS_CUDA();
  using Function = Tensor (*)(const Tensor&, const std::vector<int>&, ReduceOptions);
  for (const Function f : {max, min})
    check_reduction([f](const Tensor& x, const std::vector<int>& axes) { return f(x, axes, {}); },
                    0, 1);
  for (const auto& [shape, axes] : every_case()) {
    if (shape.numel() == 0) continue;
    CAPTURE(to_string(shape), axes);
    for (const DType dtype : {DType::f32, DType::f64}) {
      // Whole numbers, so that many are equal and the first has to be found.
      const Tensor x = uniform(shape, 0, 5).to(DType::u8).to(dtype);
      check_same(argmax(x.to(cuda_device), axes), argmax(x, axes), 0);
    }
  }
}

TEST_CASE("the first NaN wins on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const Shape& shape : {Shape{20000}, Shape{3000, 4}, Shape{12, 4}, Shape{40, 5}}) {
    Tensor x = random_values(shape, 3);
    for (const std::int64_t place : {7, 13, 41}) x.mutable_data<float>()[place] = NAN;
    for (const std::vector<int>& axes : {std::vector<int>{0}, std::vector<int>{}}) {
      check_same(max(x.to(cuda_device), axes), max(x, axes), 0);
      check_same(argmax(x.to(cuda_device), axes), argmax(x, axes), 0);
    }
  }
}

TEST_CASE("sums on a CUDA device are the same bits each time, and for a shard of the rows",
          "[cuda]") {
  RV_NEEDS_CUDA();
  for (const Shape& shape : {Shape{64, 3000}, Shape{64, 700, 12}, Shape{64, 9000, 3}}) {
    const Tensor x = random_values(shape, 5).to(cuda_device);
    const Tensor whole = sum(x, {1});
    check_same(sum(x, {1}), whole.to(cpu_device), 0);
    check_same(sum(slice(x, 0, 16, 48), {1}), slice(whole, 0, 16, 48).to(cpu_device), 0);
  }
}

TEST_CASE("small terms beside large ones are not lost on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  Tensor x = full({1 << 16}, 1e-3);
  x.mutable_data<float>()[99] = 1e7f;
  check_same(sum(x.to(cuda_device)), sum(x), 0);
}

TEST_CASE("views that begin anywhere are reduced on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = random_values({20001}, 7);
  const auto shifted = [](const Tensor& all) { return slice(all, 0, 1, 20001); };
  const Tensor on_cuda = x.to(cuda_device);
  check_same(sum(shifted(on_cuda)), sum(shifted(x)), 1e-6);
  check_same(sum(shifted(on_cuda)), sum(clone(shifted(on_cuda))).to(cpu_device), 0);
}

TEST_CASE("packed spikes are counted along time on a CUDA device", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  for (const std::int64_t steps : {1, 4, 100, 300})
    for (const std::int64_t columns : {1, 3, 8, 63, 64, 72, 130}) {
      CAPTURE(steps, columns);
      Tensor bits = to_bits(random_spikes({steps, 9, columns}, 0.3, 2));
      bits.set_requires_grad(true);
      check_on_cuda([](const std::vector<Tensor>& x) { return sum(x[0], {0}); }, {bits}, 0);
      check_on_cuda([](const std::vector<Tensor>& x) { return mean(x[0], {0}); }, {bits}, 0);
    }
}

TEST_CASE("the gradient of a broadcast is summed on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  check_on_cuda(
      [](const std::vector<Tensor>& x) {
        return broadcast_to(x[0], {50, 6, 12});
      },
      {leaf({6, 1}, DType::f32)}, 1e-6);
  check_on_cuda([](const std::vector<Tensor>& x) { return repeat_time(x[0], 25); },
                {leaf({128, 10}, DType::f32)}, 1e-6);
}

TEST_CASE("chunks of reductions cover all elements and blocks all columns") {
  using namespace ranvier::detail::device;
  for (const std::int64_t count : {0, 1, 5, 8192, 8193, 100003, 1 << 26}) {
    const Chunks chunks = Chunks::of(count, 8192, 4096);
    CHECK(chunks.number >= 1);
    CHECK(chunks.number <= 4096);
    CHECK(chunks.length % 4 == 0);
    CHECK(chunks.length * chunks.number >= count);
    CHECK((count == 0 || chunks.length * (chunks.number - 1) < count));
  }
  for (const std::int64_t packs : {1, 2, 3, 31, 32, 33, 1000}) {
    const Layout layout(packs, 32, 256);
    CHECK(layout.across * layout.down == 256);
    CHECK(layout.across * layout.column_blocks >= packs);
    CHECK(layout.across * (layout.column_blocks - 1) < packs);
  }
}
