// The code of docs/transforms.md.
#include <fmt/core.h>

#include "ranvier/data/transforms/crop.h"
#include "ranvier/data/transforms/denoise.h"
#include "ranvier/data/transforms/downsample.h"
#include "ranvier/data/transforms/flip.h"
#include "ranvier/data/transforms/to_frame.h"
#include "ranvier/data/transforms/transform.h"

using namespace ranvier;

// Keeps the events of one polarity.
struct KeepPolarity {
  static constexpr bool random = false;

  bool on = true;

  Sensor sensor_after(const Sensor& sensor) const {
    RV_CHECK(sensor.polarities == 2, "[keep_polarity] needs a sensor with two polarities.");
    return {sensor.width, sensor.height, 1};
  }
  void operator()(Events& events, const Sensor&, RandomStream&) const {
    keep_if(events,
            [&](std::int64_t i) { return (events.p[static_cast<std::size_t>(i)] != 0) == on; });
    for (std::uint8_t& p : events.p) p = 1;
  }
  std::string describe() const { return fmt::format("KeepPolarity(on={})", on); }
};

int main() {
  const Sensor camera{128, 128, 2};
  Events events;
  for (std::int64_t i = 0; i < 1000; ++i)
    events.push_back(300 * i, static_cast<std::int16_t>(i * 7 % 128),
                     static_cast<std::int16_t>(i * 11 % 128), static_cast<std::uint8_t>(i % 2));

  const EventTransform prepare = Denoise{.filter_time = 100'000} | CropTime{.max = 250'000} |
                                 Downsample{.spatial_factor = 0.25};
  const EventTransform vary = RandomFlipLR{.p = 0.5} | RandomCrop{.width = 28, .height = 28};
  const EventTransform both = prepare | vary;

  RandomStream random({.seed = 7, .epoch = 3}, 12);  // sample 12 in epoch 3
  both(events, camera, random);
  const Sensor sensor = both.sensor_after(camera);  // 28x28x2
  const Framing framing = ToFrame{.time_window = 10'000, .start = 0, .fixed_steps = 25};
  const Tensor frames = to_tensor(framing, events, sensor);  // f32 [25, 28, 28, 2]
  if (frames.shape() != Shape{25, 28, 28, 2} || prepare.is_random() || !vary.is_random()) return 1;

  const EventTransform on = KeepPolarity{} | CenterCrop{.width = 16, .height = 16};
  fmt::print("{}\n", on.describe());
  return on.sensor_after(camera) == Sensor{16, 16, 1} ? 0 : 1;
}
