#include "ranvier/data/formats/aedat3.h"
#include "tests/data/aedat3_writer.h"
#include "tests/fuzz/event_seeds.h"
#include "tests/fuzz/fuzz_target.h"

namespace ranvier::fuzz {

std::vector<std::vector<std::uint8_t>> seeds() {
  const test::Bytes events = encode_aedat3(scattered_events({128, 128, 2}, 40));
  test::Bytes mixed = encode_aedat3(scattered_events({240, 180, 2}, 20));
  const test::Bytes special = test::aedat3_packet({.type = 0}, test::Bytes(8));
  mixed.insert(mixed.end(), special.begin(), special.end());
  return {events, mixed};
}

void parse(std::span<const std::uint8_t> input) { parse_aedat3(input, "input"); }

}  // namespace ranvier::fuzz
