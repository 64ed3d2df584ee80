#include "ranvier/data/idx.h"
#include "tests/data/idx_writer.h"
#include "tests/fuzz/fuzz_target.h"

namespace ranvier::fuzz {

std::vector<std::vector<std::uint8_t>> seeds() {
  const test::Bytes images = test::idx_file({3, 5, 4}, test::counting_bytes(60));
  const test::Bytes labels = test::idx_file({3}, {0, 1, 2});
  return {images, labels, test::gzipped(images), test::gzipped(labels)};
}

void parse(std::span<const std::uint8_t> input) {
  // A small limit keeps an input that unpacks to gigabytes from looking like a hang.
  parse_idx(input, "input", {.max_bytes = 1 << 20});
}

}  // namespace ranvier::fuzz
