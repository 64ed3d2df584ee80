// What tests/apps/ranks.sh asks of two runs.
#include <cstdlib>
#include <string>

#include "ranvier/data/checkpoint.h"
#include "tests/support/catch.h"
#include "tests/support/values.h"

using namespace ranvier;

TEST_CASE("two checkpoints have the same tensors bit for bit", "[.same-weights]") {
  const char* const paths = std::getenv("RANVIER_CHECKPOINTS");
  REQUIRE(paths != nullptr);
  const std::string text = paths;
  const std::size_t colon = text.find(':');
  const NamedTensors a = load_checkpoint(text.substr(0, colon)).tensors;
  const NamedTensors b = load_checkpoint(text.substr(colon + 1)).tensors;
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO(a[i].name);
    CHECK(a[i].name == b[i].name);
    CHECK(test::same_bits(a[i].tensor, b[i].tensor));
  }
}
