#include <string_view>

#include "ranvier/data/formats/prophesee_dat.h"
#include "tests/fuzz/event_seeds.h"
#include "tests/fuzz/fuzz_target.h"

namespace ranvier::fuzz {

std::vector<std::vector<std::uint8_t>> seeds() {
  const std::vector<std::uint8_t> version_2 = encode_dat(scattered_events({304, 240, 2}, 40));
  // Eight bytes are an event in version 1 as well, and any bits of place are a pixel.
  std::vector<std::uint8_t> version_1(version_2.end() - 160, version_2.end());
  constexpr std::string_view header("% Version 1\n\0\x08", 14);
  version_1.insert(version_1.begin(), header.begin(), header.end());
  return {version_2, version_1};
}

void parse(std::span<const std::uint8_t> input) { parse_dat(input, "input"); }

}  // namespace ranvier::fuzz
