// What changes events between a recording and a frame, composed with `|`.
//
//   const EventTransform prepare = Downsample{.spatial_factor = 1.0 / 7} | CropTime{.max =
//   1'000'000}; const Sensor sensor = prepare.sensor_after(recordings.sensor()); prepare(events,
//   recordings.sensor(), random);
//
// A transform is a plain struct of options:
//
//   struct MergePolarities {
//     static constexpr bool random = false;                      // true: draws random numbers
//     Sensor sensor_after(const Sensor& sensor) const;           // checks the options too
//     void operator()(Events& events, const Sensor& sensor, RandomStream& random) const;
//     std::string describe() const;                              // "MergePolarities()"
//   };
//
// One that does what an `EventLookup` can hold may add itself to that of the transforms before it:
//
//     bool look_up(const Sensor& sensor, EventLookup& lookup) const;  // false: not with my options
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "ranvier/data/events/events.h"
#include "ranvier/data/transforms/lookup.h"
#include "ranvier/data/transforms/random_stream.h"

namespace ranvier {

template <class T>
concept TransformsEvents = requires(const T& transform, Events& events, const Sensor& sensor,
                                    RandomStream& random) {
  { T::random } -> std::convertible_to<bool>;
  { transform.sensor_after(sensor) } -> std::same_as<Sensor>;
  transform(events, sensor, random);
  { transform.describe() } -> std::same_as<std::string>;
};

/// A transform of any type, or several in a row; copies share it. A default one changes nothing.
class EventTransform {
 public:
  EventTransform() = default;
  template <TransformsEvents T>
  EventTransform(T transform)  // implicit: a pipeline is written as its transforms
      : model_(std::make_shared<Model<T>>(std::move(transform))) {}

  /// True if it is none, and changes nothing.
  bool empty() const { return model_ == nullptr; }
  /// The sensor that the events seem to come from afterwards. Errors: options that make no sense,
  /// or not for this sensor.
  Sensor sensor_after(const Sensor& sensor) const {
    return model_ == nullptr ? sensor : model_->sensor_after(sensor);
  }
  /// Changes `events` of `sensor`; they stay in the order of time and inside `sensor_after`.
  /// Events that are empty stay empty unless a transform adds some.
  void operator()(Events& events, const Sensor& sensor, RandomStream& random) const {
    if (model_ != nullptr) model_->apply(events, sensor, random);
  }
  /// True if the result depends on random numbers: such a transform belongs after a cache.
  bool is_random() const { return model_ != nullptr && model_->is_random(); }
  /// "Downsample(time_factor=1, spatial_factor=0.5) | MergePolarities()"; "" if nothing changes.
  std::string describe() const { return model_ == nullptr ? "" : model_->describe(); }

  /// The same as a lookup for events of `sensor`; none if it is random, or does more than that.
  std::optional<EventLookup> lookup(const Sensor& sensor) const {
    EventLookup lookup(sensor);
    if (model_ != nullptr && !model_->look_up(sensor, lookup)) return std::nullopt;
    return lookup;
  }

  /// `first`, then `second`.
  friend EventTransform operator|(EventTransform first, EventTransform second);

 private:
  struct Concept {
    virtual ~Concept() = default;
    virtual Sensor sensor_after(const Sensor& sensor) const = 0;
    virtual void apply(Events& events, const Sensor& sensor, RandomStream& random) const = 0;
    virtual bool look_up(const Sensor& sensor, EventLookup& lookup) const = 0;
    virtual bool is_random() const = 0;
    virtual std::string describe() const = 0;
  };
  template <class T>
  struct Model final : Concept {
    explicit Model(T t) : transform(std::move(t)) {}
    Sensor sensor_after(const Sensor& sensor) const override {
      return transform.sensor_after(sensor);
    }
    void apply(Events& events, const Sensor& sensor, RandomStream& random) const override {
      transform.sensor_after(sensor);  // options are checked, also by those who never asked
      transform(events, sensor, random);
    }
    bool look_up(const Sensor& sensor, EventLookup& lookup) const override {
      if constexpr (requires { transform.look_up(sensor, lookup); })
        return transform.look_up(sensor, lookup);
      return false;
    }
    bool is_random() const override { return T::random; }
    std::string describe() const override { return transform.describe(); }
    T transform;
  };
  struct Chain;

  std::shared_ptr<const Concept> model_;
};

EventTransform operator|(EventTransform first, EventTransform second);

}  // namespace ranvier
