#include "ranvier/data/formats/csv.h"

#include <string>

#include "tests/fuzz/fuzz_target.h"

namespace ranvier::fuzz {

std::vector<std::vector<std::uint8_t>> seeds() {
  const auto bytes = [](const std::string& text) {
    return std::vector<std::uint8_t>(text.begin(), text.end());
  };
  return {bytes("t,x,y,p\n0,1,2,1\n10,3,4,0\n"), bytes("5,6,7,-1\r\n\r\n4,3,2,1\r\n"),
          bytes(" x , t \n1, 2\n3 ,-4")};
}

void parse(std::span<const std::uint8_t> input) {
  parse_csv(input, "input", {.read = {.max_bytes = 1 << 20}});
}

}  // namespace ranvier::fuzz
