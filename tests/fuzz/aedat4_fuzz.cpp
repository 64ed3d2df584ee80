#include "ranvier/data/formats/aedat4.h"
#include "tests/fuzz/fuzz_target.h"

namespace ranvier::fuzz {

std::vector<std::vector<std::uint8_t>> seeds() {
  Recording recording{.sensor = {.width = 64, .height = 32, .polarities = 2}, .events = {}};
  for (std::int16_t i = 0; i < 60; ++i) recording.events.push_back(i * 1000, i, i / 2, i % 2);
  return {encode_aedat4(recording, Aedat4Packing::none),
          encode_aedat4(recording, Aedat4Packing::lz4),
          encode_aedat4(recording, Aedat4Packing::zstd)};
}

void parse(std::span<const std::uint8_t> input) {
  parse_aedat4(input, "input", {.max_bytes = 1 << 20});
}

}  // namespace ranvier::fuzz
