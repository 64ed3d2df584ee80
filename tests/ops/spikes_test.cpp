#include "ranvier/ops/spikes/spikes.h"

#include "ranvier/core/dispatch.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/spikes/detail/spike_kernels_isa.h"
#include "tests/support/catch.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

// The copies of the kernels that this processor runs.
std::vector<const detail::SpikeKernels*> runnable_kernels() {
  std::vector<const detail::SpikeKernels*> kernels{&detail::isa_v2::spike_kernels};
  if (isa_level() >= IsaLevel::v3) kernels.push_back(&detail::isa_v3::spike_kernels);
  if (isa_level() >= IsaLevel::v4) kernels.push_back(&detail::isa_v4::spike_kernels);
  return kernels;
}

}  // namespace

TEST_CASE("spikes survive packing for every number of columns", "[spikes]") {
  const std::int64_t columns = GENERATE(1, 2, 15, 16, 63, 64, 65, 100, 128, 130, 700);
  CAPTURE(columns);
  const Tensor dense = random_spikes({3, 5, columns}, 0.3, 7);
  const Tensor bits = to_bits(dense);
  CHECK(bits.dtype() == DType::bits);
  CHECK(bits.shape() == dense.shape());
  CHECK(same_bits(from_bits(bits), dense));
  for (const DType dtype : {DType::bf16, DType::f16, DType::f64, DType::u8, DType::i64}) {
    const Tensor typed = from_bits(bits, dtype);
    CHECK(typed.dtype() == dtype);
    CHECK(to_vector(typed) == to_vector(dense));
    CHECK(same_bits(to_bits(typed), bits));
  }
  double expected = 0;
  for (const double value : to_vector(dense)) expected += value;
  CHECK(count_spikes(bits) == static_cast<std::int64_t>(expected));
  CHECK(density(bits) == Approx(expected / static_cast<double>(dense.numel())));
}

TEST_CASE("bits beyond the last column are zero", "[spikes]") {
  const Tensor bits = to_bits(full({4, 70}, 1));
  for (int row = 0; row < 4; ++row) {
    CHECK(bits.data<std::uint64_t>()[2 * row] == ~std::uint64_t{0});
    CHECK(bits.data<std::uint64_t>()[2 * row + 1] == 0x3f);
  }
  CHECK(count_spikes(bits) == 280);
}

TEST_CASE("anything but zero is a spike", "[spikes]") {
  const Tensor x = tensor({0.0f, -0.0f, 1.0f, -3.0f, 1e-40f, INFINITY});
  CHECK(to_vector(to_bits(x)) == std::vector<double>{0, 0, 1, 1, 1, 1});
}

TEST_CASE("the gradient passes through packing and unpacking", "[spikes][gradient]") {
  Tensor x = random_spikes({2, 70}, 0.5, 1);
  x.set_requires_grad(true);
  const Tensor grad = random_values({2, 70}, 2);
  from_bits(to_bits(x)).backward(grad);
  CHECK(same_bits(x.grad(), grad));
}

TEST_CASE("every instruction set packs spikes to the same words", "[spikes][isa]") {
  constexpr std::int64_t rows = 5, columns = 147;
  const Tensor dense = random_spikes({rows, columns}, 0.4, 3);
  const Tensor bits = to_bits(dense);
  const std::int64_t words = rows * words_per_row(columns);
  for (const detail::SpikeKernels* kernels : runnable_kernels()) {
    std::vector<std::uint64_t> packed(words, 1);
    kernels->pack(dense.data<float>(), rows, columns, packed.data());
    CHECK(std::equal(packed.begin(), packed.end(), bits.data<std::uint64_t>()));
    std::vector<float> values(rows * columns, 7);
    kernels->unpack_f32(packed.data(), rows, columns, values.data());
    CHECK(std::equal(values.begin(), values.end(), dense.data<float>()));
    std::vector<std::uint16_t> halves(rows * columns, 7);
    kernels->unpack_bf16(packed.data(), rows, columns, halves.data());
    for (std::size_t i = 0; i < halves.size(); ++i)
      CHECK(to_float(bfloat16{halves[i]}) == dense.data<float>()[i]);
    CHECK(kernels->count(packed.data(), words) == count_spikes(bits));
  }
}

TEST_CASE("a transposed matrix of spikes has rows for columns", "[spikes][isa]") {
  const auto [rows, columns] = GENERATE(std::pair<std::int64_t, std::int64_t>{1, 1},
                                        std::pair<std::int64_t, std::int64_t>{64, 64},
                                        std::pair<std::int64_t, std::int64_t>{65, 130},
                                        std::pair<std::int64_t, std::int64_t>{200, 3});
  CAPTURE(rows, columns);
  const Tensor bits = to_bits(random_spikes({rows, columns}, 0.5, 9));
  Tensor transposed = empty({columns, rows}, {.dtype = DType::bits});
  detail::transpose_spikes(bits.data<std::uint64_t>(), rows, columns,
                           transposed.mutable_data<std::uint64_t>());
  const std::vector<double> before = to_vector(bits), after = to_vector(transposed);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c)
      REQUIRE(before[static_cast<std::size_t>(r * columns + c)] ==
              after[static_cast<std::size_t>(c * rows + r)]);
  CHECK(count_spikes(transposed) == count_spikes(bits));
}

TEST_CASE("the density of no elements is zero", "[spikes]") {
  CHECK(density(to_bits(zeros({0, 5}))) == 0);
  CHECK(density(to_bits(zeros({3, 0}))) == 0);
}

TEST_CASE("packed spikes say what they need", "[spikes][errors]") {
  CHECK_THROWS_WITH(to_bits(scalar(1)), "[to_bits] x must have at least one axis; got ().");
  CHECK_THROWS_WITH(from_bits(zeros({2})), "[from_bits] needs packed spikes; got f32.");
  CHECK_THROWS_WITH(from_bits(to_bits(zeros({2})), DType::bits),
                    "[from_bits] needs a numeric dtype; got bits.");
  CHECK_THROWS_WITH(count_spikes(zeros({2})), "[count_spikes] needs packed spikes; got f32.");
  CHECK_THROWS_WITH(density(zeros({2})), "[density] needs packed spikes; got f32.");
}

}  // namespace ranvier::test
