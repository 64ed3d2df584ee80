#include "ranvier/data/formats/atis.h"
#include "tests/fuzz/event_seeds.h"
#include "tests/fuzz/fuzz_target.h"

namespace ranvier::fuzz {

std::vector<std::vector<std::uint8_t>> seeds() {
  std::vector<std::uint8_t> marked = encode_atis(scattered_events({34, 34, 2}, 20));
  marked.insert(marked.begin() + 50, {0, 240, 0, 0, 0});
  return {encode_atis(scattered_events({34, 34, 2}, 40)), marked};
}

void parse(std::span<const std::uint8_t> input) { parse_atis(input, "input"); }

}  // namespace ranvier::fuzz
