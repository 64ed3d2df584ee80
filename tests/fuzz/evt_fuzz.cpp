#include "ranvier/data/formats/prophesee_raw.h"
#include "tests/fuzz/fuzz_target.h"

namespace ranvier::fuzz {

std::vector<std::vector<std::uint8_t>> seeds() {
  Recording recording{.sensor = {.width = 64, .height = 32, .polarities = 2}, .events = {}};
  for (std::int16_t i = 0; i < 40; ++i)
    recording.events.push_back(i * 700, static_cast<std::int16_t>(i % 64), 3, i % 2);
  for (std::int16_t x = 0; x < 30; x += 2) recording.events.push_back(30'000'000, x, 7, 1);
  std::vector<std::uint8_t> bare = encode_evt3(recording);
  bare.erase(bare.begin() + 10, bare.begin() + 58);  // no geometry and no "% end"
  return {encode_evt2(recording), encode_evt3(recording), bare};
}

void parse(std::span<const std::uint8_t> input) {
  parse_evt(input, "input", {.max_bytes = 1 << 20});
}

}  // namespace ranvier::fuzz
