#include "ranvier/core/activity.h"

#include <optional>
#include <thread>

#include "tests/support/catch.h"

using namespace ranvier;

TEST_CASE("what a thread computes is named while it does") {
  CHECK(current_activity().empty());
  {
    const OperationScope outer("mean");
    CHECK(current_activity() == "mean");
    const LayerScope network("2 Sequential"), layer("0 Conv2d");
    CHECK(current_activity() == "mean in 2 Sequential, 0 Conv2d");
    {
      const OperationScope inner("conv2d");
      CHECK(current_activity() == "conv2d in 2 Sequential, 0 Conv2d");
    }
    CHECK(current_activity() == "mean in 2 Sequential, 0 Conv2d");
  }
  CHECK(current_activity().empty());
}

TEST_CASE("a layer's name can be taken along") {
  std::optional<LayerScope> layer("0 Linear");
  const LayerName name = current_layer();
  layer.reset();
  CHECK(current_layer() == nullptr);
  const LayerScope other("1 LIF"), again(name);
  CHECK(current_activity() == "0 Linear");
  const LayerScope outside(nullptr);
  CHECK(current_activity().empty());
}

TEST_CASE("layers of equal names are one, whichever thread computes them") {
  const LayerScope layer("0 Linear");
  LayerName elsewhere = current_layer();
  std::thread([&] {
    const LayerName before = current_layer();
    const LayerScope same("0 Linear");
    elsewhere = before == nullptr ? current_layer() : nullptr;
  }).join();
  CHECK(elsewhere == current_layer());
}
