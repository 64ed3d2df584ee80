#include "ranvier/data/formats/npz.h"
#include "tests/fuzz/fuzz_target.h"

namespace ranvier::fuzz {

// Archives and, since most damage to those ends at a checksum, bare arrays.
std::vector<std::vector<std::uint8_t>> seeds() {
  Recording recording{.sensor = {.width = 64, .height = 32, .polarities = 2}, .events = {}};
  for (std::int16_t i = 0; i < 20; ++i) recording.events.push_back(i * 1000, i, i / 2, i % 2);
  return {encode_npz(recording), encode_npy(recording)};
}

void parse(std::span<const std::uint8_t> input) {
  const NumpyOptions options{.read = {.max_bytes = 1 << 20}};
  if (!input.empty() && input[0] == 0x93)
    parse_npy(input, "input", options);
  else
    parse_npz(input, "input", options);
}

}  // namespace ranvier::fuzz
