#include "ranvier/ops/shape/shape_ops.h"

#include "ranvier/core/parallel.h"
#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/index_select.h"
#include "ranvier/ops/shape/slice.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/gradcheck.h"

using namespace ranvier;
using ranvier::test::gradient_mismatch;

namespace {

constexpr auto invalid = ErrorCode::invalid_argument;

Tensor random_f64(const Shape& shape) { return normal(shape, 0, 1).to(DType::f64); }

Tensor iota(const Shape& shape, DType dtype = DType::f32) {
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  return from_vector(values, shape).to(dtype);
}

Tensor indices(const std::vector<std::int64_t>& values) {
  return from_vector(values, {static_cast<std::int64_t>(values.size())});
}

/// About a third of the elements spike.
Tensor spikes(const Shape& shape) {
  Tensor bits = zeros(shape, {.dtype = DType::bits});
  const std::int64_t columns = shape[-1], words = words_per_row(columns);
  auto* out = bits.mutable_data<std::uint64_t>();
  for (std::int64_t i = 0; i < shape.numel(); ++i)
    if ((i * 7919 + i / 13) % 3 == 0)
      out[i / columns * words + i % columns / 64] |= std::uint64_t{1} << (i % columns % 64);
  return bits;
}

Tensor unpacked(const Tensor& bits) { return from_vector(to_vector(bits), bits.shape()); }

/// The element at `index` of the same elements as `values` under `shape`.
std::vector<double> permuted_by_hand(const Tensor& x, const std::vector<int>& axes) {
  const std::vector<double> values = to_vector(x);
  std::vector<double> result;
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    std::vector<std::int64_t> index(axes.size());
    std::int64_t rest = i;
    for (std::size_t a = axes.size(); a-- > 0; rest /= x.size(axes[a]))
      index[static_cast<std::size_t>(axes[a])] = rest % x.size(axes[a]);
    std::int64_t flat = 0;
    for (int a = 0; a < x.rank(); ++a) flat = flat * x.size(a) + index[static_cast<std::size_t>(a)];
    result.push_back(values[static_cast<std::size_t>(flat)]);
  }
  return result;
}

/// High bits of the last word of every packed row must be zero.
bool padding_is_zero(const Tensor& bits) {
  const std::int64_t used = bits.size(-1) % 64, words = words_per_row(bits.size(-1));
  const std::int64_t rows = used == 0 ? 0 : bits.numel() / bits.size(-1);
  for (std::int64_t row = 0; row < rows; ++row)
    if (bits.data<std::uint64_t>()[row * words + words - 1] >> used) return false;
  return true;
}

}  // namespace

TEST_CASE("reshape, flatten and folding time are views of the same memory") {
  const Tensor x = iota({4, 3, 2, 5});
  for (const Tensor& y : {reshape(x, {12, 10}), flatten(x), flatten(x, -3), flatten(x, 1, 2),
                          fold_time(x), unfold_time(x, 2)}) {
    CHECK(y.raw_data() == x.raw_data());
    CHECK(to_vector(y) == to_vector(x));
  }
  CHECK(flatten(x).shape() == Shape{120});
  CHECK(flatten(x, -3).shape() == Shape{4, 30});
  CHECK(flatten(x, 1, 2).shape() == Shape{4, 6, 5});
  CHECK(flatten(x, -1).shape() == x.shape());
  CHECK(fold_time(x).shape() == Shape{12, 2, 5});
  CHECK(unfold_time(x, 2).shape() == Shape{2, 2, 3, 2, 5});
  CHECK(unfold_time(fold_time(x), 4).shape() == x.shape());
}

TEST_CASE("scalars and empty tensors can be reshaped") {
  CHECK(flatten(scalar(3)).shape() == Shape{1});
  CHECK(reshape(tensor({3}), {}).item() == 3);
  CHECK(reshape(zeros({0, 3}), {7, 0}).shape() == Shape{7, 0});
  CHECK(flatten(zeros({2, 0, 3}), 1).shape() == Shape{2, 0});
  CHECK(reshape(zeros({0, 3}, {.dtype = DType::bits}), {5, 0}).shape() == Shape{5, 0});
}

TEST_CASE("the gradients of reshapes, permutations, slices and joins match differences") {
  const Tensor x = random_f64({3, 2, 4}), y = random_f64({3, 5, 4});
  const auto weighted = [](const Tensor& t) { return permute(t, {2, 0, 1}); };
  CHECK(gradient_mismatch([](const auto& in) { return reshape(in[0], {4, 6}); }, {x}) == "");
  CHECK(gradient_mismatch([](const auto& in) { return unfold_time(fold_time(in[0]), 2); }, {x}) ==
        "");
  CHECK(gradient_mismatch([&](const auto& in) { return weighted(in[0]); }, {x}) == "");
  CHECK(gradient_mismatch([](const auto& in) { return transpose(in[0]); }, {x}) == "");
  for (int axis : {0, 1, 2}) {
    CAPTURE(axis);
    CHECK(gradient_mismatch([&](const auto& in) { return slice(in[0], axis, 1, 2); }, {x}) == "");
    CHECK(gradient_mismatch(
              [&](const auto& in) {
                return stack({in[0], in[0]}, axis);
              },
              {x}) == "");
  }
  CHECK(gradient_mismatch(
            [](const auto& in) {
              return concat({in[0], in[1], in[0]}, 1);
            },
            {x, y}) == "");
  const Tensor chosen = indices({2, 0, 2, 2});
  CHECK(gradient_mismatch([](const auto& in) { return index_select(in[0], in[1]); }, {x, chosen}) ==
        "");
}

TEST_CASE("permuting moves every element where its axes say, whatever the order and size") {
  const std::vector<std::vector<int>> orders{{0, 1, 2, 3}, {3, 2, 1, 0}, {0, 2, 1, 3},
                                             {0, 3, 1, 2}, {2, 3, 0, 1}, {1, 0, 3, 2}};
  for (const Shape& shape :
       {Shape{2, 3, 4, 5}, Shape{1, 40, 1, 70}, Shape{2, 33, 2, 65}, Shape{2, 4, 3, 4}})
    for (DType dtype : {DType::f32, DType::f64, DType::bf16, DType::u8})
      for (const std::vector<int>& order : orders) {
        const Tensor x = iota(shape).to(dtype);
        const Tensor y = permute(x, order);
        CAPTURE(shape, order, dtype);
        CHECK(y.size(0) == shape[order[0]]);
        CHECK(to_vector(y) == permuted_by_hand(x, order));
      }
  CHECK(permute(scalar(2), {}).item() == 2);
  CHECK(permute(zeros({0, 3}), {1, 0}).shape() == Shape{3, 0});
  CHECK(transpose(iota({2, 3, 4}), 0, -1).shape() == Shape{4, 3, 2});
}

TEST_CASE("a slice of axis 0 is a view of any dtype, others are copies") {
  const Tensor x = iota({4, 3, 2});
  const Tensor shard = slice(x, 0, 1, 3);
  CHECK(shard.raw_data() == x.raw_data() + 6 * 4);
  CHECK(to_vector(slice(x, -2, 1, 2)) == std::vector<double>{2, 3, 8, 9, 14, 15, 20, 21});
  CHECK(to_vector(slice(x, 2, 1, 2)) ==
        std::vector<double>{1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23});
  CHECK(slice(x, 1, 2, 2).shape() == Shape{4, 0, 2});
  const Tensor bits = spikes({4, 3, 70});
  const Tensor packed_shard = slice(bits, 0, 2, 4);
  CHECK(packed_shard.raw_data() == bits.raw_data() + 2 * 3 * 2 * 8);
  CHECK(to_vector(packed_shard) == to_vector(slice(unpacked(bits), 0, 2, 4)));
  CHECK(to_vector(slice(bits, 1, 1, 2)) == to_vector(slice(unpacked(bits), 1, 1, 2)));
}

TEST_CASE("writing through a view is noticed by whoever saved the tensor") {
  Tensor x = iota({4, 3});
  const Saved saved = x;
  Tensor shard = slice(reshape(x, {2, 6}), 0, 1, 2);
  shard.mutable_data<float>()[0] = 7;
  CHECK_ERROR(saved.get(), ErrorCode::state, "overwritten");
}

TEST_CASE("joining the slices of a tensor gives the tensor") {
  for (const Tensor& x : {iota({3, 4, 6}), spikes({3, 4, 70})})
    for (int axis = 0; axis < (x.dtype() == DType::bits ? 2 : 3); ++axis) {
      const Tensor y = concat(
          {slice(x, axis, 0, 1), slice(x, axis, 1, 1), slice(x, axis, 1, x.size(axis))}, axis);
      CAPTURE(axis);
      CHECK(y.shape() == x.shape());
      CHECK(to_vector(y) == to_vector(x));
    }
  CHECK(stack({iota({2, 3}), iota({2, 3})}, -1).shape() == Shape{2, 3, 2});
  CHECK(to_vector(stack({tensor({1, 2}), tensor({3, 4})}, 1)) == std::vector<double>{1, 3, 2, 4});
  CHECK(stack({scalar(1), scalar(2)}).shape() == Shape{2});
  CHECK(stack({spikes({2, 70}), spikes({2, 70})}, 1).shape() == Shape{2, 2, 70});
}

TEST_CASE("index_select copies rows, repeats included, and adds their gradients in order") {
  Tensor x = iota({4, 2}).set_requires_grad(true);
  const Tensor y = index_select(x, indices({3, 0, 3}));
  CHECK(to_vector(y) == std::vector<double>{6, 7, 0, 1, 6, 7});
  y.backward(from_vector(std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2}));
  CHECK(to_vector(x.grad()) == std::vector<double>{3, 4, 0, 0, 0, 0, 6, 8});
  CHECK(index_select(x, indices({})).shape() == Shape{0, 2});
  const Tensor bits = spikes({4, 70});
  CHECK(to_vector(index_select(bits, indices({2, 2}))) ==
        to_vector(index_select(unpacked(bits), indices({2, 2}))));
}

TEST_CASE("packed rows of whole words flatten without a copy, others are repacked") {
  const Tensor whole = spikes({2, 3, 3, 128});
  CHECK(flatten(whole, -3).raw_data() == whole.raw_data());
  CHECK(reshape(whole, {3, 2, 3, 128}).raw_data() == whole.raw_data());
  CHECK(to_vector(flatten(whole, -3)) == to_vector(whole));
  const Tensor odd = spikes({2, 5, 70});
  CHECK(reshape(odd, {5, 2, 70}).raw_data() == odd.raw_data());
  CHECK(flatten(odd, -2).raw_data() != odd.raw_data());
}

TEST_CASE("repacking keeps the sequence of spikes for every pair of row lengths") {
  for (std::int64_t columns : {1, 2, 3, 10, 63, 64, 65, 100, 128, 130, 192, 320}) {
    const Tensor x = spikes({4160, columns});
    for (std::int64_t merged : {1, 2, 5, 13, 32, 64, 65}) {
      CAPTURE(columns, merged);
      const Tensor y = reshape(x, {4160 / merged, merged * columns});
      const bool kept = to_vector(y) == to_vector(x);
      CHECK(kept);
      CHECK(padding_is_zero(y));
      const Tensor again = reshape(y, x.shape());
      const bool back = to_vector(again) == to_vector(x);
      CHECK(back);
      CHECK(padding_is_zero(again));
    }
    const bool odd = to_vector(reshape(x, {columns * 65, 64})) == to_vector(x);
    CHECK(odd);
  }
}

TEST_CASE("the gradient of packed spikes is f32 of their shape through every move") {
  Tensor bits = spikes({4, 3, 10}).set_requires_grad(true);
  const Tensor y =
      flatten(permute(concat({slice(bits, 0, 0, 2), slice(bits, 0, 2, 4)}), {1, 0, 2}), -2);
  CHECK(y.dtype() == DType::bits);
  y.backward(iota({3, 40}));
  CHECK(bits.grad().dtype() == DType::f32);
  CHECK(to_vector(bits.grad()) == to_vector(permute(iota({3, 4, 10}), {1, 0, 2})));
}

TEST_CASE("moves give the same bits on one, two and three threads") {
  Tensor bits = spikes({4096, 100});
  Tensor x = normal({300, 70, 33}, 0, 1);
  const Tensor many = indices(std::vector<std::int64_t>(1000, 7));
  const auto run = [&] {
    Tensor leaf = clone(x).set_requires_grad(true);
    const Tensor chosen = index_select(leaf, many);
    chosen.backward(index_select(x, indices(std::vector<std::int64_t>(1000, 3))));
    std::vector<std::vector<double>> results{
        to_vector(reshape(bits, {100, 4096})), to_vector(permute(x, {2, 1, 0})),
        to_vector(slice(x, 1, 3, 60)), to_vector(concat({x, x}, 2)), to_vector(leaf.grad())};
    return results;
  };
  const int before = num_threads();
  set_num_threads(1);
  const auto once = run();
  for (int threads : {2, 3}) {
    set_num_threads(threads);
    const bool same = run() == once;
    CHECK(same);
  }
  set_num_threads(before);
}

TEST_CASE("reshapes and permutations say what does not fit") {
  const Tensor x = zeros({2, 3}), bits = zeros({2, 3}, {.dtype = DType::bits});
  CHECK_ERROR(reshape(x, {4, 2}), invalid,
              "[reshape] the number of elements must stay; got (2, 3) (6) to (4, 2) (8).");
  CHECK_ERROR(flatten(x, 2), invalid, "[flatten] axes must be in range and in order; got 2 to -1");
  CHECK_ERROR(flatten(x, 1, 0), invalid, "got 1 to 0 of (2, 3).");
  CHECK_ERROR(flatten(x, -3), invalid, "got -3 to -1 of (2, 3).");
  CHECK_ERROR(fold_time(zeros({3})), invalid,
              "[fold_time] x must be [T, B, ...]; its shape is (3,)");
  CHECK_ERROR(unfold_time(scalar(1), 1), invalid, "[unfold_time] x must be [T * B, ...]");
  CHECK_ERROR(unfold_time(x, 3), invalid,
              "[unfold_time] steps must divide axis 0 of (2, 3); got 3.");
  CHECK_ERROR(unfold_time(x, 0), invalid, "got 0.");
  CHECK_ERROR(permute(x, {0}), invalid,
              "[permute] axes must name each axis of (2, 3) once; got (0).");
  CHECK_ERROR(permute(x, {0, -2}), invalid, "got (0, -2).");
  CHECK_ERROR(permute(x, {0, 2}), invalid, "got (0, 2).");
  CHECK_ERROR(
      permute(bits, {1, 0}), invalid,
      "[permute] the last axis of packed spikes must stay last; axis 0 of (2, 3) would be.");
  CHECK_ERROR(transpose(x, 0, 2), invalid, "[transpose] axes 0 and 2 are not both axes of (2, 3).");
}

TEST_CASE("slices, joins and selections say what does not fit") {
  const Tensor x = zeros({2, 3}), bits = zeros({2, 3}, {.dtype = DType::bits});
  CHECK_ERROR(slice(x, 2, 0, 1), invalid, "[slice] axis 2 is out of range for (2, 3).");
  CHECK_ERROR(slice(x, 1, 2, 4), invalid,
              "[slice] needs 0 <= begin <= end <= 3, the extent of axis 1 of (2, 3); got 2 and 4.");
  CHECK_ERROR(slice(x, 1, 2, 1), invalid, "got 2 and 1.");
  CHECK_ERROR(
      slice(bits, -1, 0, 1), invalid,
      "[slice] packed spikes work along leading axes only; got axis 1, the last of (2, 3).");
  CHECK_ERROR(concat({}), invalid, "[concat] needs at least one tensor; got none.");
  CHECK_ERROR(concat({x}, 2), invalid, "[concat] axis 2 is out of range for (2, 3).");
  CHECK_ERROR(concat({x, zeros({2, 4})}), invalid,
              "[concat] parts must agree but for axis 0; part 0 is (2, 3), part 1 is (2, 4).");
  CHECK_ERROR(concat({x, zeros({2})}), invalid, "part 1 is (2,)");
  CHECK_ERROR(concat({x, zeros({2, 3}, {.dtype = DType::f64})}), invalid,
              "part 0 is f32 on cpu, part 1 is f64 on cpu.");
  CHECK_ERROR(concat({bits, bits}, 1), invalid, "[concat] packed spikes work along leading axes");
  CHECK_ERROR(stack({}), invalid, "[stack] needs at least one tensor; got none.");
  CHECK_ERROR(stack({x}, 3), invalid, "[stack] axis 3 is out of range for (2, 3) and a new axis.");
  CHECK_ERROR(stack({x, zeros({3, 2})}), invalid,
              "[stack] parts must have one shape; part 0 is (2, 3), part 1 is (3, 2).");
  CHECK_ERROR(stack({bits, bits}, 2), invalid,
              "[stack] packed spikes work along leading axes only; got axis 2 after (2, 3).");
  CHECK_ERROR(index_select(scalar(1), indices({0})), invalid, "[index_select] x must have an axis");
  CHECK_ERROR(index_select(x, tensor({0})), invalid,
              "[index_select] indices must be i64 of rank 1; got f32 (1,).");
  CHECK_ERROR(index_select(x, indices({0, 2})), invalid,
              "[index_select] indices[1] = 2 is outside [0, 2), axis 0 of (2, 3).");
  CHECK_ERROR(index_select(x, indices({-1})), invalid, "indices[0] = -1");
}
