// The code of docs/data.md.
#include <cmath>
#include <fstream>
#include <span>

#include "ranvier/core/random.h"
#include "ranvier/data/checkpoint.h"
#include "ranvier/data/event_sets/spike_file_writer.h"
#include "ranvier/data/event_sets/spoken.h"
#include "ranvier/data/generate/randman.h"
#include "ranvier/data/image_dataset.h"
#include "ranvier/data/loader.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/optim/adam.h"

using namespace ranvier;

// Sine waves of two frequencies as sequences [T, B, 1].
struct Waves {
  struct Batch {
    Tensor x;       // f32 [T, B, 1]
    Tensor labels;  // i64 [B]
    void release_shared() { ranvier::release_shared({&x, &labels}); }
  };

  std::int64_t size() const { return 1000; }

  void fetch(std::span<const std::int64_t> samples, const Draw& draw, Batch& batch) const {
    const auto count = static_cast<std::int64_t>(samples.size());
    reuse_or_allocate(batch.x, {steps, count, 1}, DType::f32);
    reuse_or_allocate(batch.labels, {count}, DType::i64);
    float* x = batch.x.mutable_data<float>();
    std::int64_t* labels = batch.labels.mutable_data<std::int64_t>();
    for (std::int64_t b = 0; b < count; ++b) {
      const std::int64_t sample = samples[static_cast<std::size_t>(b)];
      labels[b] = sample % 2;
      const double phase = 0.1 * static_cast<double>((sample + draw.epoch) % 63);
      for (std::int64_t t = 0; t < steps; ++t)
        x[t * count + b] = static_cast<float>(std::sin(phase + (labels[b] == 0 ? 0.2 : 0.4) * t));
    }
  }

  std::int64_t steps = 50;
};

int main() {
  const Waves waves;
  DataLoader loader(waves, {.batch_size = 64, .shuffle = true, .seed = 7, .workers = 2});
  std::int64_t sequences = 0;
  for (std::int64_t epoch = 0; epoch < 2; ++epoch)
    for (const Waves::Batch& batch : loader.epoch({.epoch = epoch}))
      sequences += batch.labels.size(0);
  if (sequences != 2000) return 1;

  LoaderCursor next;
  {
    auto epoch = loader.epoch({.epoch = 5});
    for (int i = 0; i < 3; ++i) epoch.next();
    next = epoch.cursor();  // epoch 5, batch 3
  }
  auto resumed = loader.epoch(next);  // goes on with the fourth batch of epoch 5
  if (resumed.next() == nullptr || resumed.cursor() != LoaderCursor{.epoch = 5, .batch = 4})
    return 1;

  Sequential network(Linear({.in = 4, .out = 2}));
  Adam optimizer(parameters(network));
  Checkpoint checkpoint;
  checkpoint.tensors = add_prefix("network.", state_dict(network));
  for (const NamedTensor& named : add_prefix("optimizer.", optimizer.state()))
    checkpoint.tensors.push_back(named);
  checkpoint.metadata = R"({"epoch": 5, "batch": 3})";
  save_checkpoint("run.h5", checkpoint);

  const Checkpoint saved = load_checkpoint("run.h5");
  load_state(state_dict(network), take_prefix("network.", saved.tensors));
  load_state(optimizer.state(), take_prefix("optimizer.", saved.tensors));

  const std::uint8_t bytes[] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 10, 20, 30, 40};
  const std::uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 1, 1};
  std::ofstream("images-idx3-ubyte").write(reinterpret_cast<const char*>(bytes), sizeof(bytes));
  std::ofstream("labels-idx1-ubyte").write(reinterpret_cast<const char*>(labels), sizeof(labels));
  const ImageDataset pictures =
      load_idx_images("pictures", "images-idx3-ubyte", "labels-idx1-ubyte", {"cat", "dog"});
  const ImageDataset varied =
      pictures.augmented({.shift = 1, .flip = true, .mean = {0.5f}, .deviation = {0.5f}});
  if (varied.image_shape() != Shape{2, 2, 1}) return 1;

  SpikeFileWriter writer("train.h5", {"left", "right"}, {.channels = 16});
  Events events;
  events.push_back(1500, 3, 0, 1);  // microseconds, channel, row, polarity
  writer.append(events, 0);
  writer.finish();

  write_randman("randman", {.classes = 2, .train = 100, .test = 20});
  const auto recordings = load_spike_files("randman", {.directory = "randman"});
  recordings->read(0, events);
  return events.size() == 50 ? 0 : 1;
}
