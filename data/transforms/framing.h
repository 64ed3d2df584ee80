// How events become numbers: a frame for each time step.
//
// A framing is a plain struct of options, such as ToFrame:
//
//   std::int64_t steps(const Events& events) const;              // of this recording
//   Shape frame(const Sensor& sensor) const;                     // of one step; checks options too
//   void write(const Events& events, const Sensor& sensor, const FrameRows& out) const;
//   std::string describe() const;                                // "ToFrame(time_window=4000)"
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "ranvier/core/tensor.h"
#include "ranvier/data/events/events.h"

namespace ranvier {

/// Which steps of a recording are wanted and where their frames go: step `begin` + t is written to
/// `first + t * stride`, so that a recording can be a column of a time-major batch.
struct FrameRows {
  float* first;
  std::int64_t stride;     ///< elements from one step to the next
  std::int64_t steps;      ///< rows to write, zeros included
  std::int64_t begin = 0;  ///< `begin + steps` is at most `steps(events)`
};

template <class F>
concept FramesEvents = requires(const F& framing, const Events& events, const Sensor& sensor,
                                const FrameRows& out) {
  { framing.steps(events) } -> std::same_as<std::int64_t>;
  { framing.frame(sensor) } -> std::same_as<Shape>;
  framing.write(events, sensor, out);
  { framing.describe() } -> std::same_as<std::string>;
};

/// A framing of any type; copies share it.
class Framing {
 public:
  template <FramesEvents F>
  Framing(F framing)  // implicit: options of a data set name a framing
      : model_(std::make_shared<Model<F>>(std::move(framing))) {}

  /// Time steps of a recording; at least 1, also for one without events.
  std::int64_t steps(const Events& events) const { return model_->steps(events); }
  /// Shape of one step. Errors: options that make no sense, or not for this sensor.
  Shape frame(const Sensor& sensor) const { return model_->frame(sensor); }
  /// Writes those frames of `events` that `out` asks for, with the bits that they have among all.
  /// Events are in the order of time and inside `sensor`.
  void write(const Events& events, const Sensor& sensor, const FrameRows& out) const {
    model_->write(events, sensor, out);
  }
  std::string describe() const { return model_->describe(); }
  /// The framing, if its type is exactly `F`, else null.
  template <FramesEvents F>
  const F* as() const {
    const auto* model = dynamic_cast<const Model<F>*>(model_.get());
    return model == nullptr ? nullptr : &model->framing;
  }

 private:
  struct Concept {
    virtual ~Concept() = default;
    virtual std::int64_t steps(const Events& events) const = 0;
    virtual Shape frame(const Sensor& sensor) const = 0;
    virtual void write(const Events& events, const Sensor& sensor, const FrameRows& out) const = 0;
    virtual std::string describe() const = 0;
  };
  template <class F>
  struct Model final : Concept {
    explicit Model(F f) : framing(std::move(f)) {}
    std::int64_t steps(const Events& events) const override { return framing.steps(events); }
    Shape frame(const Sensor& sensor) const override { return framing.frame(sensor); }
    void write(const Events& events, const Sensor& sensor, const FrameRows& out) const override {
      framing.frame(sensor);  // options are checked, also by those who never asked
      framing.write(events, sensor, out);
    }
    std::string describe() const override { return framing.describe(); }
    F framing;
  };

  std::shared_ptr<const Concept> model_;
};

/// The frames of one recording as a tensor f32 [T, frame...]. Errors: events that are no recording
/// of `sensor` (`defect_of`); those of `framing`.
Tensor to_tensor(const Framing& framing, const Events& events, const Sensor& sensor);

}  // namespace ranvier
