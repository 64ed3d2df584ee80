#include "ranvier/core/tensor.h"

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "ranvier/core/allocator.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

using namespace ranvier;

TEST_CASE("a tensor knows its shape, dtype and bytes") {
  const Tensor x = zeros({2, 3, 4}, {.dtype = DType::f64});
  CHECK(x.shape() == Shape{2, 3, 4});
  CHECK(x.size(-1) == 4);
  CHECK(x.numel() == 24);
  CHECK(x.nbytes() == 192);
  CHECK(x.device() == cpu_device);
}

TEST_CASE("packed spikes take whole words per row") {
  CHECK(array_bytes({3, 65}, DType::bits) == 3 * 2 * 8);
  CHECK(array_bytes({3, 64}, DType::bits) == 3 * 8);
  CHECK(array_bytes({5}, DType::bits) == 8);
}

TEST_CASE("memory is aligned for vector loads") {
  for (std::int64_t n : {1, 17, 1000, 3'000'000})
    CHECK(reinterpret_cast<std::uintptr_t>(empty({n}).raw_data()) % 64 == 0);
}

TEST_CASE("wrapped memory is its owner's, of whatever device") {
  for (const Device device : {cpu_device, Device{DeviceType::cuda, 3}}) {
    INFO(to_string(device));
    auto owner = std::make_shared<std::vector<float>>(8, 2.0f);
    const std::weak_ptr<std::vector<float>> watched = owner;
    const std::int64_t in_use = cpu_allocator().stats().bytes_in_use;
    {
      const Tensor x(std::make_shared<Storage>(owner->data(), 32, owner, device), 0, {2, 4},
                     DType::f32);
      owner.reset();
      CHECK(x.device() == device);
      CHECK_FALSE(watched.expired());
    }
    CHECK(watched.expired());
    CHECK(cpu_allocator().stats().bytes_in_use == in_use);
  }
}

TEST_CASE("access with the wrong type is refused") {
  const Tensor x = zeros({2});
  CHECK_ERROR(x.data<double>(), ErrorCode::invalid_argument, "holds f32; it was accessed as f64");
  CHECK_ERROR(Tensor().shape(), ErrorCode::invalid_argument, "undefined");
}

TEST_CASE("a size that does not fit 64 bits is refused") {
  CHECK_ERROR(empty({1LL << 40, 1LL << 40}), ErrorCode::invalid_argument, "does not fit 64 bits");
  CHECK_ERROR(empty({1LL << 61, 1}, {.dtype = DType::bits}), ErrorCode::invalid_argument,
              "elements of bits do not fit memory");
  CHECK_ERROR(zeros({-1}), ErrorCode::invalid_argument, "extents must be >= 0");
  CHECK_ERROR(Shape({2, 3}).with(1, -1), ErrorCode::invalid_argument, "extents must be >= 0");
}

TEST_CASE("values convert between all numeric dtypes") {
  const Tensor x = tensor({0.0f, 1.0f, 2.0f, 100.0f});
  for (DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::u8, DType::i64})
    CHECK(to_vector(x.to(dtype).to(DType::f32)) == to_vector(x));
}

TEST_CASE("floats out of an integer's range become its nearest number, and NaN 0") {
  using Values = std::vector<double>;
  const double infinity = std::numeric_limits<double>::infinity();
  const Values some{-1e30, -1.5, -0.5, 254.9, 256, 300, 1e30, infinity, -infinity, std::nan("")};
  const auto count = static_cast<std::int64_t>(some.size());
  for (const DType dtype : {DType::f64, DType::f32, DType::bf16}) {
    const Tensor x = from_vector(some, {count}).to(dtype);
    const double below = dtype == DType::bf16 ? 255 : 254;  // 254.9 is 255 in bf16
    CHECK(to_vector(x.to(DType::u8)) == Values{0, 0, 0, below, 255, 255, 255, 255, 0, 0});
    const double least = -0x1p63, most = 0x1p63;  // of i64; as f64, the largest is one more
    CHECK(to_vector(x.to(DType::i64)) ==
          Values{least, -1, 0, below, 256, 300, most, most, least, 0});
  }
  CHECK(to_vector(full({1}, -7, {.dtype = DType::u8})) == Values{0});
  CHECK(to_vector(full({1}, 258, {.dtype = DType::i64}).to(DType::u8)) == Values{2});
}

TEST_CASE("16-bit floats round to nearest even and keep special values") {
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(to_float(to_float16(65504.0f)) == 65504.0f);
  CHECK(to_float(to_float16(65520.0f)) == infinity);
  CHECK(to_float(to_float16(0x1p-24f)) == 0x1p-24f);
  CHECK(to_float(to_float16(0x1p-25f)) == 0.0f);
  CHECK(to_float(to_float16(1.0f + 0x1p-11f)) == 1.0f);
  CHECK(to_float(to_float16(1.0f + 0x3p-11f)) == 1.0f + 0x1p-9f);
  CHECK(std::isnan(to_float(to_float16(NAN))));
  CHECK(to_float(to_bfloat16(1.0f + 0x1p-8f)) == 1.0f);
  CHECK(to_float(to_bfloat16(1.0f + 0x3p-8f)) == 1.0f + 0x1p-6f);
  CHECK(std::isnan(to_float(to_bfloat16(NAN))));
  CHECK(to_float(to_bfloat16(-infinity)) == -infinity);
}

TEST_CASE("every 16-bit float survives the way to f32 and back") {
  for (std::uint32_t raw = 0; raw < 0x10000; ++raw) {
    const float16 h{static_cast<std::uint16_t>(raw)};
    if (!std::isnan(to_float(h))) REQUIRE(to_float16(to_float(h)).raw == h.raw);
    const bfloat16 b{static_cast<std::uint16_t>(raw)};
    if (!std::isnan(to_float(b))) REQUIRE(to_bfloat16(to_float(b)).raw == b.raw);
  }
}

TEST_CASE("a clone has its own values") {
  Tensor x = tensor({1.0f, 2.0f});
  Tensor y = clone(x);
  fill(x, 0);
  CHECK(to_vector(y) == std::vector<double>{1, 2});
}

TEST_CASE("copying between different tensors is refused") {
  Tensor x = zeros({2});
  CHECK_ERROR(copy_into(x, zeros({3})), ErrorCode::invalid_argument, "[copy]");
}

TEST_CASE("shapes broadcast by the usual rules") {
  CHECK(broadcast_shapes("add", {4, 1, 3}, {2, 1}) == Shape{4, 2, 3});
  CHECK(broadcast_shapes("add", {}, {5}) == Shape{5});
  CHECK_ERROR(broadcast_shapes("add", {2, 3}, {4, 3}), ErrorCode::invalid_argument,
              "[add] shapes must broadcast; got (2, 3) and (4, 3).");
}

TEST_CASE("device names are read and unknown ones are refused") {
  CHECK(parse_device("cpu") == cpu_device);
  CHECK(to_string(parse_device("cuda:3")) == "cuda:3");
  for (const char* text : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x"})
    CHECK_ERROR(parse_device(text), ErrorCode::device, "expected 'cpu', 'cuda' or 'cuda:<index>'");
}
