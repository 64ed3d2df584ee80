// The code of docs/fusion.md.
#include "ranvier/core/random.h"
#include "ranvier/layers/networks.h"
#include "ranvier/ops/spikes/event_thresholds.h"

using namespace ranvier;

int main() {
  set_event_thresholds(DType::f32, {});  // all 0: dense products whatever the density

  Sequential network = csnn({.steps = 4, .channels = 16});
  const Tensor images = uniform({2, 28, 28, 1}, 0, 1);

  const Tensor fused = network(images);
  network.set_fuse(false);
  const Tensor alone = network(images);
  if (to_vector(fused) != to_vector(alone)) return 1;  // never

  network.observe([](const Observation& seen) {
    fmt::print("{:<3} {:<10} {}\n", seen.name, seen.kind, seen.output.shape());
  });
  network(images);
  network.observe({});  // fused again, once set_fuse(true)
  return 0;
}
