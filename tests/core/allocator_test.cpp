#include "ranvier/core/allocator.h"

#include <algorithm>
#include <functional>

#include "ranvier/core/tape.h"
#include "ranvier/core/tensor.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

using namespace ranvier;

namespace {

constexpr std::int64_t too_many = std::int64_t{1} << 50;

struct GreedyBackward final : Node {
  const char* name() const override { return "GreedyBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    empty({too_many});
    return {grads[0]};
  }
};

}  // namespace

TEST_CASE("a returned block serves the next request of its size") {
  { Tensor warm_up = empty({1000, 1000}); }
  const std::int64_t before = cpu_allocator().stats().system_allocations;
  for (int i = 0; i < 10; ++i) Tensor x = empty({1000, 1000});
  CHECK(cpu_allocator().stats().system_allocations == before);
}

TEST_CASE("use and peak are counted") {
  const std::int64_t before = cpu_allocator().stats().bytes_in_use;
  cpu_allocator().reset_peak();
  {
    Tensor x = empty({1 << 20});
    CHECK(cpu_allocator().stats().bytes_in_use >= before + (4 << 20));
  }
  CHECK(cpu_allocator().stats().bytes_in_use == before);
  CHECK(cpu_allocator().stats().peak_bytes_in_use >= before + (4 << 20));
}

TEST_CASE("kept blocks can be given back to the system") {
  { Tensor x = empty({1 << 22}); }
  cpu_allocator().release_kept();
  const MemoryStats stats = cpu_allocator().stats();
  CHECK(stats.bytes_reserved == stats.bytes_in_use);
}

TEST_CASE("memory in use is counted for the layers that asked for it") {
  const auto held = [](std::string_view name) {
    for (const auto& [layer, bytes] : cpu_allocator().layers())
      if (*layer == name) return bytes;
    return std::int64_t{0};
  };
  const auto layer_tensor = [](std::string_view name, std::int64_t size) {
    const LayerScope layer(name);
    return empty({size});
  };
  const Tensor a = layer_tensor("counted a", 1 << 20);
  {
    const Tensor b = layer_tensor("counted b", 2 << 20);
    CHECK(held("counted a") == 4 << 20);
    CHECK(held("counted b") == 8 << 20);
    const std::vector<LayerMemory> all = cpu_allocator().layers();
    CHECK(std::ranges::is_sorted(all, std::greater(), &LayerMemory::bytes));
  }
  CHECK(held("counted b") == 0);
}

TEST_CASE("whoever finds no memory left is told for what, and who holds it") {
  const LayerScope network("7 Full");
  const Tensor kept = empty({1 << 20});
  const LayerScope layer("0 Linear");
  const OperationScope operation("linear");
  CHECK_ERROR(empty({too_many}), ErrorCode::device,
              "[linear in 7 Full, 0 Linear] out of memory on cpu: asked for 4503599627.4 MB with");
  CHECK_ERROR(empty({too_many}), ErrorCode::device, "4.2 MB for 7 Full");
}

TEST_CASE("on the way back memory is of the layer that was there on the way forward") {
  Tensor x = full({1}, 1).set_requires_grad(true), y = full({1}, 1);
  {
    const LayerScope layer("3 Greedy");
    attach(std::make_shared<GreedyBackward>(), {x}, {y});
  }
  CHECK_ERROR(y.backward(), ErrorCode::device, "[GreedyBackward in 3 Greedy] out of");
  CHECK(current_activity().empty());
}
