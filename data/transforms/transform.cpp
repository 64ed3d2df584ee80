#include "ranvier/data/transforms/transform.h"

namespace ranvier {

struct EventTransform::Chain final : Concept {
  Chain(std::shared_ptr<const Concept> a, std::shared_ptr<const Concept> b)
      : first(std::move(a)), second(std::move(b)) {}

  Sensor sensor_after(const Sensor& sensor) const override {
    return second->sensor_after(first->sensor_after(sensor));
  }
  void apply(Events& events, const Sensor& sensor, RandomStream& random) const override {
    first->apply(events, sensor, random);
    second->apply(events, first->sensor_after(sensor), random);
  }
  bool look_up(const Sensor& sensor, EventLookup& lookup) const override {
    return first->look_up(sensor, lookup) && second->look_up(first->sensor_after(sensor), lookup);
  }
  bool is_random() const override { return first->is_random() || second->is_random(); }
  std::string describe() const override { return first->describe() + " | " + second->describe(); }

  std::shared_ptr<const Concept> first, second;
};

EventTransform operator|(EventTransform first, EventTransform second) {
  if (first.model_ == nullptr) return second;
  if (second.model_ == nullptr) return first;
  EventTransform both;
  both.model_ =
      std::make_shared<EventTransform::Chain>(std::move(first.model_), std::move(second.model_));
  return both;
}

}  // namespace ranvier
