#include "ranvier/core/allocator.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/dispatch.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/matmul/detail/event_product_isa.h"
#include "ranvier/ops/matmul/detail/onednn.h"
#include "ranvier/ops/matmul/linear.h"
#include "ranvier/ops/spikes/spikes.h"
#include "tests/support/catch.h"
#include "tests/support/event_thresholds.h"
#include "tests/support/threads.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

struct Sizes {
  std::int64_t rows, depth, columns;
};

const Sizes all_sizes[] = {{1, 1, 1},     {3, 5, 7},      {70, 64, 16},   {33, 65, 31},
                           {5, 130, 257}, {9, 513, 100},  {4, 1024, 300}, {6, 1025, 40},
                           {2, 3000, 33}, {300, 100, 10}, {17, 700, 128}};

Tensor naive_product(const Tensor& spikes, const Tensor& table, const Tensor& bias) {
  const std::int64_t rows = spikes.size(0), depth = spikes.size(1), columns = table.size(1);
  const std::vector<double> s = to_vector(spikes), t = to_vector(table), b = to_vector(bias);
  std::vector<double> out;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c) {
      double sum = b[static_cast<std::size_t>(c)];
      for (std::int64_t d = 0; d < depth; ++d)
        sum += s[static_cast<std::size_t>(r * depth + d)] *
               t[static_cast<std::size_t>(d * columns + c)];
      out.push_back(sum);
    }
  return from_vector(out, {rows, columns});
}

detail::EventProduct event_product_of(const Tensor& bits, const Tensor& table, const Tensor& bias,
                                      Tensor& out) {
  return {.spikes = bits.data<std::uint64_t>(),
          .rows = bits.size(0),
          .depth = bits.size(1),
          .table = table.data<float>(),
          .columns = table.size(1),
          .bias = bias.data<float>(),
          .out = out.mutable_data<float>()};
}

struct Gradients {
  Tensor y, gx, gw, gb;
};

Gradients run_linear(Tensor x, Tensor w, Tensor bias, const Tensor& grad) {
  w = clone(w).set_requires_grad(true);
  bias = clone(bias).set_requires_grad(true);
  Tensor dense = from_bits(x).set_requires_grad(true);
  const Tensor y = linear(to_bits(dense), w, bias);
  y.backward(grad);
  return {y.detach(), dense.grad(), w.grad(), bias.grad()};
}

}  // namespace

TEST_CASE("event-driven products are exact on dyadic numbers at any density", "[event]") {
  const double density = GENERATE(0.0, 0.01, 0.1, 0.5, 1.0);
  for (const Sizes& s : all_sizes) {
    CAPTURE(density, s.rows, s.depth, s.columns);
    const Tensor bits = to_bits(random_spikes({s.rows, s.depth}, density, 1));
    const Tensor table = dyadic_values({s.depth, s.columns}, 2),
                 bias = dyadic_values({s.columns}, 3);
    Tensor out = full({s.rows, s.columns}, 77);
    detail::event_product(event_product_of(bits, table, bias, out));
    CHECK(to_vector(out) == to_vector(naive_product(bits, table, bias)));
  }
}

TEST_CASE("event-driven products leave rows alone that were not chosen", "[event]") {
  const Tensor bits = to_bits(random_spikes({4, 70}, 0.3, 1));
  const Tensor table = dyadic_values({70, 20}, 2), bias = dyadic_values({20}, 3);
  const std::vector<double> all = to_vector(naive_product(bits, table, bias));
  const std::vector<std::uint8_t> chosen{0, 1, 0, 1};
  Tensor out = full({4, 20}, 77);
  detail::EventProduct product = event_product_of(bits, table, bias, out);
  product.chosen = chosen.data();
  detail::event_product(product);
  const std::vector<double> actual = to_vector(out);
  for (std::size_t i = 0; i < actual.size(); ++i)
    CHECK(actual[i] == (chosen[i / 20] != 0 ? all[i] : 77));
}

TEST_CASE("event-driven products give the same bits on every instruction set", "[event][isa]") {
  std::vector<const detail::EventProductKernels*> kernels{&detail::isa_v2::event_product_kernels};
  if (isa_level() >= IsaLevel::v3) kernels.push_back(&detail::isa_v3::event_product_kernels);
  if (isa_level() >= IsaLevel::v4) kernels.push_back(&detail::isa_v4::event_product_kernels);
  for (const Sizes& s : all_sizes) {
    CAPTURE(s.rows, s.depth, s.columns);
    const Tensor bits = to_bits(random_spikes({s.rows, s.depth}, 0.2, 1));
    const Tensor table = random_values({s.depth, s.columns}, 2),
                 bias = random_values({s.columns}, 3);
    Tensor expected = empty({s.rows, s.columns});
    detail::event_product(event_product_of(bits, table, bias, expected));
    for (const detail::EventProductKernels* kernel : kernels) {
      Tensor out = full({s.rows, s.columns}, 77);
      const std::int64_t half = s.columns / 2;
      const detail::EventProduct product = event_product_of(bits, table, bias, out);
      kernel->product(product, {.rows = s.rows, .columns = half});
      kernel->product(product, {.rows = s.rows, .column = half, .columns = s.columns - half});
      CHECK(same_bits(out, expected));
    }
  }
}

TEST_CASE("event-driven linear has the bits of dense linear", "[event][linear]") {
  for (const Sizes& s :
       {Sizes{40, 100, 64}, Sizes{200, 784, 130}, Sizes{64, 1024, 48}, Sizes{33, 2500, 100}}) {
    CAPTURE(s.rows, s.depth, s.columns);
    const Tensor bits = to_bits(random_spikes({s.rows, s.depth}, 0.15, 1));
    const Tensor w = random_values({s.depth, s.columns}, 2), bias = random_values({s.columns}, 3);
    Tensor dense, events;
    {
      const AllThresholds forced(DType::f32, 0);
      dense = linear(bits, w, bias);
    }
    {
      const AllThresholds forced(DType::f32, 1);
      events = linear(bits, w, bias);
    }
    CHECK(largest_difference(events, dense) < 1e-5);
    if (DNNL_VERSION_MAJOR == 2 && detail::onednn::rows_independent())
      CHECK(same_bits(events, dense));
    CHECK(same_bits(dense, [&] {
      const AllThresholds forced(DType::f32, 0);
      return linear(from_bits(bits), w, bias);
    }()));
  }
}

TEST_CASE("sparse and dense rows of one batch give the bits they give alone", "[event][linear]") {
  const DType compute = GENERATE(DType::f32, DType::bf16);
  if (!detail::onednn::rows_independent() || (compute == DType::bf16 && !bf16_supported()))
    SKIP("oneDNN's kernels for this processor sum rows differently by their number");
  const AutocastGuard guard(compute);
  const double density = event_thresholds(compute).linear_forward;
  const Tensor bits = to_bits(random_spikes({64, 320}, density, 1));
  const Tensor weight = random_values({320, 100}, 2), bias = random_values({100}, 3);
  const Tensor whole = linear(bits, weight, bias);
  for (std::int64_t row = 0; row < 64; ++row) {
    const Tensor one(bits.storage(), row * 5 * 8, {1, 320}, DType::bits);
    const Tensor expected(whole.storage(), row * 100 * 4, {1, 100}, DType::f32);
    CHECK(same_bits(linear(one, weight, bias), expected));
  }
}

TEST_CASE("a mixture of sparse and dense rows is multiplied exactly", "[event][linear]") {
  const double density = event_thresholds(DType::f32).linear_forward;
  const std::int64_t rows = GENERATE(1, 2, 15, 40, 333);
  for (const double around : {density - 0.1, density, density + 0.1}) {
    const Tensor bits = to_bits(random_spikes({rows, 100}, around, 1));
    const Tensor table = dyadic_values({100, 24}, 2), bias = dyadic_values({24}, 3);
    CHECK(to_vector(linear(bits, table, bias)) == to_vector(naive_product(bits, table, bias)));
  }
}

TEST_CASE("event-driven linear takes no memory from the system once warm", "[event][linear]") {
  const Tensor w = random_values({300, 64}, 2), bias = random_values({64}, 3);
  const Tensor grad = random_values({400, 64}, 4);
  const auto step = [&](std::uint64_t seed) {
    const Tensor bits = to_bits(random_spikes({400, 300}, 0.3, seed));
    run_linear(bits, w, bias, grad);
  };
  // How many rows are dense varies with the spikes, in sixteenths of the batch, and scratch memory
  // with it: warm is a process that has met these numbers.
  for (std::uint64_t seed = 0; seed < 8; ++seed) step(seed);
  const std::int64_t before = cpu_allocator().stats().system_allocations;
  for (std::uint64_t seed = 0; seed < 8; ++seed) step(seed);
  CHECK(cpu_allocator().stats().system_allocations == before);
}

TEST_CASE("event-driven and dense linear have equal gradients", "[event][linear][gradient]") {
  const double density = GENERATE(0.0, 0.05, 0.5, 1.0);
  const Tensor bits = to_bits(random_spikes({3, 50, 200}, density, 1));
  const Tensor w = dyadic_values({200, 96}, 2), bias = dyadic_values({96}, 3);
  const Tensor grad = dyadic_values({3, 50, 96}, 4);
  CAPTURE(density);
  Gradients dense, events;
  {
    const AllThresholds forced(DType::f32, 0);
    dense = run_linear(bits, w, bias, grad);
  }
  {
    const AllThresholds forced(DType::f32, 1);
    events = run_linear(bits, w, bias, grad);
  }
  CHECK(same_bits(events.y, dense.y));
  CHECK(same_bits(events.gx, dense.gx));
  CHECK(to_vector(events.gw) == to_vector(dense.gw));
  CHECK(same_bits(events.gb, dense.gb));
}

TEST_CASE("event-driven linear gives the same bits for any number of threads", "[event][threads]") {
  const AllThresholds forced(DType::f32, 1);
  const Tensor bits = to_bits(random_spikes({700, 300}, 0.1, 1));
  const Tensor w = random_values({300, 200}, 2), bias = random_values({200}, 3);
  const Tensor grad = random_values({700, 200}, 4);
  Gradients one;
  {
    const Threads threads(1);
    one = run_linear(bits, w, bias, grad);
  }
  for (const int count : {2, 3}) {
    const Threads threads(count);
    const Gradients many = run_linear(bits, w, bias, grad);
    CHECK(same_bits(one.y, many.y));
    CHECK(same_bits(one.gw, many.gw));
  }
}

}  // namespace ranvier::test
