#include "ranvier/layers/networks.h"

#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/conv2d.h"
#include "ranvier/layers/flatten.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/pool.h"

namespace ranvier {
namespace {
// What shows a static image has to say for how long; 0 would mean a time axis that is not there.
void check_steps(const char* network, std::int64_t steps) {
  RV_CHECK(steps >= 1, "[{}] steps must be >= 1; got {}.", network, steps);
}

Conv2d conv3x3(std::int64_t in, std::int64_t out) {
  return Conv2d({.in = in, .out = out, .conv = {.padding = {1, 1}}, .bias = false});
}
}  // namespace

Sequential csnn(const CsnnOptions& o) {
  check_steps("csnn", o.steps);
  RV_CHECK(o.channels >= 1 && o.classes >= 1,
           "[csnn] channels and classes must be >= 1; got {} and {}.", o.channels, o.classes);
  RV_CHECK(o.image.rank() == 3 && o.image[0] % 4 == 0 && o.image[1] % 4 == 0 && o.image.numel() > 0,
           "[csnn] images must be [H, W, C] with H and W multiples of 4; got {}.", o.image);
  const std::int64_t features = o.channels * (o.image[0] / 4) * (o.image[1] / 4);
  const std::int64_t hidden = o.channels * 16;
  return Sequential(conv3x3(o.image[2], o.channels), BatchNorm({.features = o.channels}),
                    IF(o.neuron, {.steps = o.steps}), MaxPool2d{{.kernel = {2, 2}}},
                    conv3x3(o.channels, o.channels), BatchNorm({.features = o.channels}),
                    IF(o.neuron), MaxPool2d{{.kernel = {2, 2}}}, Flatten(),
                    Linear({.in = features, .out = hidden, .bias = false}), IF(o.neuron),
                    Linear({.in = hidden, .out = o.classes, .bias = false}), IF(o.neuron));
}

Sequential leaky_mlp(const LeakyMlpOptions& o) {
  check_steps("leaky_mlp", o.steps);
  return Sequential(Flatten(), Linear({.in = o.inputs, .out = o.hidden}),
                    Leaky(o.neuron, {.steps = o.steps}), Linear({.in = o.hidden, .out = o.classes}),
                    Leaky(o.neuron));
}

}  // namespace ranvier
