#include "ranvier/data/checkpoint.h"

#include "tests/data/checkpoint_writer.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/memory_file.h"

namespace ranvier::fuzz {

std::vector<std::vector<std::uint8_t>> seeds() {
  const Tensor weight = from_vector(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  const Checkpoint small{.tensors = {{"weight", weight}}, .metadata = R"({"epoch": 1})"};
  const Checkpoint mixed{.tensors = {{"weight", weight},
                                     {"half", zeros({3}, {.dtype = DType::bf16})},
                                     {"step", zeros({}, {.dtype = DType::i64})},
                                     {"spikes", zeros({2, 70}, {.dtype = DType::bits})}}};
  return {test::checkpoint_bytes(small), test::checkpoint_bytes(mixed)};
}

void parse(std::span<const std::uint8_t> input) {
  static test::MemoryFile file;
  file.set(input);
  load_checkpoint(file.path());
}

}  // namespace ranvier::fuzz
