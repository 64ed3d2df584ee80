// The code of docs/event-data.md: recordings of one's own, from events to a trained network.
#include <fmt/core.h>

#include <memory>
#include <string>
#include <vector>

#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/data/event_cache.h"
#include "ranvier/data/event_dataset.h"
#include "ranvier/data/loader.h"
#include "ranvier/data/resident_events.h"
#include "ranvier/data/transforms/downsample.h"
#include "ranvier/data/transforms/jitter.h"
#include "ranvier/data/transforms/to_frame.h"
#include "ranvier/layers/event_networks.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/sequence/readout.h"
#include "ranvier/optim/adam.h"

using namespace ranvier;

namespace {

// Tones of an ear with 64 channels that rise or fall.
class Sweeps final : public Recordings {
 public:
  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return 400; }
  const Sensor& sensor() const override { return sensor_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int64_t label(std::int64_t index) const override { return index % 2; }
  void read(std::int64_t index, Events& events) const override {
    check_index(*this, index);
    RandomStream random({.seed = 1}, index);
    const std::int64_t length = 30'000 + random.below(30'000);  // microseconds
    events.clear();
    for (std::int64_t i = 0; i < 64; ++i) {
      const std::int64_t channel = label(index) == 0 ? i : 63 - i;
      events.push_back(length * i / 64, static_cast<std::int16_t>(channel), 0, 1);
    }
  }
  std::string identity() const override { return "sweeps, version 1"; }

 private:
  std::string name_ = "sweeps";
  Sensor sensor_{.width = 64};
  std::vector<std::string> classes_{"rising", "falling"};
};

double train(const std::filesystem::path& folder) {
  const EventTransform fixed = Downsample{.target_width = 16};
  const auto kept = cached(std::make_shared<Sweeps>(), fixed, {.folder = folder});
  const EventDataset train(
      kept, {.framing = ToFrame{.time_window = 2000, .include_incomplete = true, .start = 0},
             .transform = TimeJitter{.std = 500}});

  Sequential network = recurrent_net({.inputs = 16, .hidden = {32}, .classes = 2});
  Adam optimizer(parameters(network), {.lr = 0.01});
  DataLoader loader(train, {.batch_size = 40, .shuffle = true, .workers = 1});
  double accuracy = 0;
  for (std::int64_t epoch = 0; epoch < 8; ++epoch) {
    std::int64_t correct = 0;
    for (const EventBatch& batch : loader.epoch({.epoch = epoch})) {
      const Tensor membranes = network(batch.frames);  // [T, B, classes]
      const Tensor scores = read_out(Readout::mean, membranes, batch.lengths);
      zero_grad(optimizer.parameters());
      cross_entropy(scores, batch.labels).backward();
      optimizer.step();
      correct += count_correct(scores.detach(), batch.labels);
    }
    accuracy = static_cast<double>(correct) / 400;
    fmt::print("epoch {}  accuracy {:.2f}\n", epoch + 1, accuracy);
  }
  return accuracy;
}

}  // namespace

int main() {
  seed(0);
  const auto folder = std::filesystem::path("event_data_cache");
  const double accuracy = train(folder);

  const ResidentEvents resident(
      std::make_shared<Sweeps>(),
      {.framing = ToFrame{.time_window = 2000, .include_incomplete = true, .start = 0}});
  DataLoader batches(resident, {.batch_size = 40, .workers = 0});
  std::int64_t recordings = 0;
  for (const EventBatch& batch : batches.epoch({})) recordings += batch.size();
  fmt::print("{} recordings in {} bytes\n", recordings, resident.bytes());
  return accuracy > 0.9 && recordings == 400 ? 0 : 1;
}
