#include <cmath>
#include <limits>

#include "ranvier/ops/sequence/lengths.h"
#include "ranvier/ops/sequence/readout.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/ops/spikes/spikes.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"
#include "tests/support/values.h"

using namespace ranvier;
using namespace ranvier::test;

namespace {

using Inputs = std::vector<Tensor>;

constexpr Readout all_readouts[] = {Readout::sum, Readout::mean, Readout::last, Readout::max};

const std::vector<Shape> shapes{{1, 1},         {3, 2, 3},     {17, 5, 8},    {16, 4, 2, 2, 3},
                                {250, 128, 35}, {100, 16, 20}, {33, 1, 1000}, {5, 0, 3}};

Tensor lengths_for(const Shape& shape) {
  std::vector<std::int64_t> lengths;
  for (std::int64_t b = 0; b < shape[1]; ++b) lengths.push_back(1 + b * 37 % shape[0]);
  return from_vector(lengths, {shape[1]});
}

}  // namespace

TEST_CASE("readouts and their gradients are the CPU's on a CUDA device", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Shape& shape : shapes)
      for (const Readout readout : all_readouts)
        for (const Tensor& lengths : {Tensor(), lengths_for(shape)}) {
          INFO(name(readout) << " of " << to_string(shape) << ", lengths " << lengths.defined());
          const bool sums = readout == Readout::sum || readout == Readout::mean;
          const double tolerance = !sums ? 0 : dtype == DType::f32 ? 1e-6 : 1e-12;
          check_on_cuda(
              [&](const Inputs& in) {
                return read_out(readout, in[0],
                                lengths.defined() ? lengths.to(in[0].device()) : lengths);
              },
              {random_values(shape, 1, dtype).set_requires_grad(true)}, tolerance);
        }
}

TEST_CASE("sums of spikes and the steps of equal maxima are the CPU's bit for bit on CUDA",
          "[cuda]") {
  RV_NEEDS_CUDA();
  for (const Shape& shape : shapes)
    for (const Readout readout : all_readouts)
      check_on_cuda([&](const Inputs& in) { return read_out(readout, in[0]); },
                    {random_spikes(shape, 0.3, 2).set_requires_grad(true)}, 0);
}

TEST_CASE("NaN wins the readout max on a CUDA device, the first of several", "[cuda]") {
  RV_NEEDS_CUDA();
  Tensor x = random_values({40, 3, 7}, 3);
  for (const std::int64_t i : {0, 5, 22, 100, 101, 500, 839})
    x.mutable_data<float>()[i] = std::numeric_limits<float>::quiet_NaN();
  check_on_cuda([](const Inputs& in) { return read_out(Readout::max, in[0]); },
                {x.set_requires_grad(true)}, 0);
}

TEST_CASE("padding does not change a bit of a readout on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = random_values({300, 40, 35}, 4);
  const Tensor lengths = lengths_for({250, 40}).to(cuda_device);
  for (const Readout readout : all_readouts) {
    const Tensor whole = read_out(readout, x.to(cuda_device), lengths);
    const Tensor cut = read_out(readout, slice(x, 0, 0, 250).to(cuda_device), lengths);
    CHECK(same_bits(whole.to(cpu_device), cut.to(cpu_device)));
  }
}

TEST_CASE("a length out of range on a CUDA device makes its sample NaN", "[cuda][memcheck]") {
  RV_NEEDS_CUDA();
  const std::int64_t huge = std::int64_t{1} << 40;
  const Tensor lengths = from_vector(std::vector<std::int64_t>{0, 4, 5, -huge, huge}, {5});
  for (const Readout readout : all_readouts) {
    INFO(name(readout));
    Tensor x = full({4, 5, 1}, 2, {.device = cuda_device}).set_requires_grad(true);
    const Tensor y = read_out(readout, x, lengths.to(cuda_device));
    const std::vector<double> values = to_vector(y);
    for (const std::size_t b : {0, 2, 3, 4}) CHECK(std::isnan(values[b]));
    CHECK(values[1] == (readout == Readout::sum ? 8 : 2));
    y.backward(full(y.shape(), 1, {.device = cuda_device}));
    CHECK(to_vector(x.grad()).size() == 20);
  }
}

TEST_CASE("masks of steps are the CPU's on a CUDA device", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const Shape& shape : shapes) {
    const Tensor lengths = lengths_for(shape);
    check_same(step_mask(lengths.to(cuda_device), shape[0]), step_mask(lengths, shape[0]), 0);
  }
}

TEST_CASE("firing rates are the CPU's on a CUDA device, packed or not", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const Shape& shape : {Shape{3, 2, 5}, Shape{6, 3, 5, 13}, Shape{100, 32, 700}}) {
    const Tensor spikes = random_spikes(shape, 0.2, 5), packed = to_bits(spikes);
    for (const Tensor& lengths : {Tensor(), lengths_for(shape)}) {
      const Tensor there = lengths.defined() ? lengths.to(cuda_device) : lengths;
      const double expected = firing_rate(spikes, lengths);
      CHECK(firing_rate(spikes.to(cuda_device), there) == Approx(expected).epsilon(1e-13));
      CHECK(firing_rate(spikes.to(DType::f64).to(cuda_device), there) ==
            Approx(expected).epsilon(1e-13));
      CHECK(firing_rate(packed.to(cuda_device), there) == Approx(expected).epsilon(1e-13));
    }
  }
}

TEST_CASE("readouts want values and lengths on one device", "[cuda]") {
  RV_NEEDS_CUDA();
  const Tensor x = zeros({4, 2, 3}), lengths = lengths_for({4, 2});
  CHECK_ERROR(read_out(Readout::sum, x.to(cuda_device), lengths), ErrorCode::device,
              "[read_out] all operands must be on one device; one is on cpu.");
  CHECK_ERROR(read_out(Readout::sum, x, lengths.to(cuda_device)), ErrorCode::invalid_argument,
              "is on cuda:0; move it to the CPU");
}
