// The program of docs/getting-started.md: a convolutional spiking network learns to tell four kinds
// of stripes from each other.
#include <random>
#include <string>
#include <utility>

#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/data/checkpoint.h"
#include "ranvier/data/image_dataset.h"
#include "ranvier/data/loader.h"
#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/conv2d.h"
#include "ranvier/layers/flatten.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/pool.h"
#include "ranvier/layers/sequential.h"
#include "ranvier/layers/summary.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/loss/one_hot.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/optim/adam.h"
#include "ranvier/optim/schedule.h"

using namespace ranvier;

ImageDataset stripes(std::int64_t count, unsigned seed) {
  Tensor images = empty({count, 16, 16, 1}, {.dtype = DType::u8});
  Tensor labels = empty({count}, {.dtype = DType::i64});
  std::uint8_t* pixel = images.mutable_data<std::uint8_t>();
  std::mt19937 random(seed);
  for (std::int64_t i = 0; i < count; ++i) {
    const unsigned kind = random() % 4, phase = random() % 4;
    labels.mutable_data<std::int64_t>()[i] = kind;
    for (unsigned row = 0; row < 16; ++row)
      for (unsigned column = 0; column < 16; ++column) {
        const unsigned across[] = {row, column, row + column, row + 16 - column};
        const bool bright = (across[kind] + phase) % 4 < 2;
        *pixel++ = static_cast<std::uint8_t>((bright ? 128 : 0) + random() % 128);
      }
  }
  return {"stripes", images, labels, {"horizontal", "vertical", "rising", "falling"}};
}

Sequential make_network() {
  return Sequential(Conv2d({.in = 1, .out = 16, .conv = {.padding = {1, 1}}, .bias = false}),
                    BatchNorm({.features = 16}), IF({}, {.steps = 4}), MaxPool2d{}, Flatten(),
                    Linear({.in = 8 * 8 * 16, .out = 4}), LIF());
}

// The share of `dataset` that `network` recognises.
double accuracy(Sequential& network, const ImageDataset& dataset) {
  const NoGradGuard no_grad;
  set_training(network, false);
  DataLoader loader(dataset, {.batch_size = 100});
  std::int64_t correct = 0;
  for (const ImageBatch& batch : loader.epoch({}))
    correct += count_correct(mean(network(batch.images), {0}), batch.labels);
  set_training(network, true);
  return static_cast<double>(correct) / static_cast<double>(dataset.size());
}

int main() {
  seed(0);
  const ImageDataset train = stripes(2000, 1), test = stripes(500, 2);
  Sequential network = make_network();
  fmt::print("{}\n", format_summary(summarise(network, uniform({1, 16, 16, 1}, 0, 1), 1)));

  constexpr std::int64_t epochs = 3;
  DataLoader loader(train, {.batch_size = 50, .shuffle = true, .workers = 1});
  Adam optimizer(parameters(network), {.lr = 0.002});
  const Schedule schedule = cosine_schedule(0.002, {.length = epochs * loader.batches()});

  std::int64_t step = 0;
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    double loss_sum = 0;
    for (const ImageBatch& batch : loader.epoch({.epoch = epoch})) {
      const Tensor rates = mean(network(batch.images), {0});  // [T, B, 4] -> [B, 4]
      const Tensor loss = mse_loss(rates, one_hot(batch.labels, 4));
      zero_grad(optimizer.parameters());
      loss.backward();
      optimizer.set_lr(schedule(step++));
      optimizer.step();
      loss_sum += loss.item();
    }
    fmt::print("epoch {}  loss {:.4f}  test accuracy {:.3f}\n", epoch + 1,
               loss_sum / static_cast<double>(loader.batches()), accuracy(network, test));
  }

  save_checkpoint("stripes.h5", {.tensors = state_dict(network)});

  Sequential again = make_network();
  load_state(state_dict(again), load_checkpoint("stripes.h5").tensors);
  const double best = accuracy(again, test);
  fmt::print("loaded again: test accuracy {:.3f}\n", best);
  return best > 0.9 ? 0 : 1;
}
