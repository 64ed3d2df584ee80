#include "ranvier/distributed/detail/message_layout.h"

#include <cstring>

#include "ranvier/ops/shape/slice.h"
#include "tests/distributed/transport_conformance.h"
#include "tests/support/catch.h"
#include "tests/support/values.h"

using namespace ranvier;
using namespace ranvier::test;

namespace {

std::shared_ptr<Storage> block_of(const detail::MessageLayout& layout) {
  return std::make_shared<Storage>(static_cast<std::size_t>(layout.bytes), cpu_device);
}

/// Copies what `layout` says, as a transport does on its device.
std::vector<Tensor> copies(const detail::MessageLayout& layout) {
  const std::shared_ptr<Storage> block = block_of(layout);
  for (const auto& [source, from, to, at] : layout.spans)
    std::memcpy(block->data() + at, source->data() + from, static_cast<std::size_t>(to - from));
  return layout.in(block);
}

void check_copies(const std::vector<ToSend>& sends) {
  const std::vector<Tensor> copied = copies(detail::lay_out(sends));
  REQUIRE(copied.size() == sends.size());
  for (std::size_t i = 0; i < sends.size(); ++i) {
    INFO("message " << i);
    CHECK(same_bits(copied[i], sends[i].message));
    CHECK(copied[i].raw_data() != sends[i].message.raw_data());
    CHECK(copied[i].storage_offset() % 256 == sends[i].message.storage_offset() % 256);
  }
}

}  // namespace

TEST_CASE("slices of an array are copied as one, without what lies beside them") {
  const Tensor values = random_values({1000}, 1);
  const std::vector<ToSend> sends{{2, slice(values, 0, 601, 900)}, {0, slice(values, 0, 301, 601)}};
  const detail::MessageLayout layout = detail::lay_out(sends);
  REQUIRE(layout.spans.size() == 1);
  CHECK(layout.spans[0].from == 1024);  // a boundary before 4 x 301
  CHECK(layout.spans[0].to == 4 * 900);
  CHECK(layout.bytes == 2816);  // 4 x 900 - 1024, rounded up
  check_copies(sends);
  check_copies({sends[1], sends[0]});
}

TEST_CASE("an array that several ranks get is copied once") {
  const Tensor sum = random_values({100}, 2);
  const std::vector<ToSend> sends{{1, sum}, {2, sum}, {3, sum}};
  CHECK(detail::lay_out(sends).bytes == 512);
  check_copies(sends);
}

TEST_CASE("messages of several arrays, types and shapes have places of their own") {
  const Tensor empty_array = zeros({0}), large = random_values({3, 7, 11}, 4);
  check_copies({{0, random_values({1}, 3)},
                {1, empty_array},
                {0, slice(large, 0, 2, 3)},
                {1, any_bits({5, 70}, DType::bits, 5)},
                {2, slice(large, 0, 0, 1)}});
  check_copies({});
  check_copies({{0, empty_array}});
}

TEST_CASE("what is expected lies side by side") {
  const std::vector<Expected> expected{
      {0, {3}, {}}, {1, {0}, {}}, {2, {5, 70}, {.dtype = DType::bits}}, {1, {64}, {}}, {3, {}, {}}};
  const detail::MessageLayout layout = detail::lay_out(expected);
  CHECK(layout.spans.empty());
  std::vector<Tensor> messages = layout.in(block_of(layout));
  REQUIRE(messages.size() == expected.size());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    CHECK(messages[i].shape() == expected[i].shape);
    CHECK(messages[i].dtype() == expected[i].options.dtype);
    CHECK(messages[i].storage_offset() % 256 == 0);
    std::memset(messages[i].mutable_raw_data(), static_cast<int>(i) + 1,
                static_cast<std::size_t>(messages[i].nbytes()));
  }
  for (std::size_t i = 0; i < messages.size(); ++i)  // none was written over by another
    for (std::int64_t byte = 0; byte < messages[i].nbytes(); ++byte)
      REQUIRE(messages[i].raw_data()[byte] == static_cast<std::byte>(i + 1));
}
