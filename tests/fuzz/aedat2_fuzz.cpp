#include "ranvier/data/formats/aedat2.h"
#include "tests/fuzz/event_seeds.h"
#include "tests/fuzz/fuzz_target.h"

namespace ranvier::fuzz {

std::vector<std::vector<std::uint8_t>> seeds() {
  return {encode_aedat2(scattered_events({128, 128, 2}, 40)),
          encode_aedat2(scattered_events({1, 1, 1}, 0))};
}

void parse(std::span<const std::uint8_t> input) {
  parse_aedat2(input, "input", {.pixels = Aedat2Pixels::as_dat2mat});
}

}  // namespace ranvier::fuzz
