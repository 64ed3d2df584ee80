#include "ranvier/data/transforms/framing.h"

namespace ranvier {

Tensor to_tensor(const Framing& framing, const Events& events, const Sensor& sensor) {
  const std::string defect = defect_of(events, sensor);
  RV_CHECK(defect.empty(), "[to_tensor] {}.", defect);
  const Shape frame = framing.frame(sensor);
  const std::int64_t steps = framing.steps(events);
  Tensor frames = empty(Shape{steps}.concat(frame));
  framing.write(events, sensor, {frames.mutable_data<float>(), frame.numel(), steps});
  return frames;
}

}  // namespace ranvier
