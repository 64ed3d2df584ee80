#include "ranvier/core/graph_random.h"

#include "ranvier/core/detail/random_kernels.h"

namespace ranvier {

namespace detail {
constinit DeviceKernels<SetPlaceKernel> set_place_kernels{};
}

namespace {

struct Active {
  const Generator* generator = nullptr;  // null: no recording is alive
  Tensor place;
  std::uint64_t first_block = 0;
};
thread_local Active active;

}  // namespace

GraphRandom::GraphRandom(Device device, Generator& generator) : generator_(generator) {
  RV_CHECK(device.type == DeviceType::cuda,
           "[graph_random] work is captured on CUDA devices only; got {}.", device);
  require_available(device);
  place_ = empty({2}, {.dtype = DType::i64, .device = device});
}

void GraphRandom::advance() {
  if (blocks_ == 0) return;
  kernel_for("graph_random", place_.device(), detail::set_place_kernels)(
      generator_.seed, generator_.next_block, place_);
  generator_.next_block += blocks_;
}

GraphRandom::Recording::Recording(GraphRandom& random)
    : random_(random), first_block_(random.generator_.next_block) {
  RV_CHECK(active.generator == nullptr,
           "[graph_random] another recording is alive on this thread.");
  active = {&random.generator_, random.place_, first_block_};
}

GraphRandom::Recording::~Recording() {
  random_.blocks_ = random_.generator_.next_block - first_block_;
  random_.generator_.next_block = first_block_;
  active = {};
}

RandomPlace reserve_blocks(std::int64_t words, Device device, Generator& generator) {
  const std::uint64_t first = generator.reserve(words);
  if (active.generator != &generator || active.place.device() != device)
    return {generator.seed, first};
  return {0, first - active.first_block, active.place};
}

}  // namespace ranvier
