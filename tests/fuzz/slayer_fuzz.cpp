#include "ranvier/data/formats/slayer.h"
#include "tests/fuzz/event_seeds.h"
#include "tests/fuzz/fuzz_target.h"

namespace ranvier::fuzz {

std::vector<std::vector<std::uint8_t>> seeds() {
  return {encode_bs1(scattered_events({64, 1, 1}, 40)),
          encode_bs2(scattered_events({128, 128, 2}, 40))};
}

// No byte tells the two formats apart: each is tried.
void parse(std::span<const std::uint8_t> input) {
  parse_bs2(input, "input", {.read = {.order = TimeOrder::reject}, .sensor = {256, 256, 2}});
  parse_bs1(input, "input", {.sensor = {32768, 1, 1}});
}

}  // namespace ranvier::fuzz
