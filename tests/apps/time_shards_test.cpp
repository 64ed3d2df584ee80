// The event trainers over several ranks: each loads its own steps, and all together do what one
// does.
#include "apps/training/train_step.h"

#include <functional>

#include "apps/training/rank_start.h"
#include "ranvier/core/random.h"
#include "ranvier/core/tape.h"
#include "ranvier/distributed/local_transport.h"
#include "ranvier/layers/batch_norm.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/slice.h"
#include "tests/apps/small_event_sets.h"
#include "tests/data/idx_writer.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/forwarding_transport.h"
#include "tests/support/values.h"

namespace ranvier::apps {
namespace {

using test::SmallDigits;
using test::SmallTrains;

/// What a rank sees of a run.
struct Seen {
  std::vector<Tensor> scores;  ///< of the test batches before training; this rank's samples
  std::vector<double> losses;  ///< of all ranks, epoch by epoch
  std::vector<Shape> inputs;   ///< of training batches
};

/// Evaluates and trains `task` as `Training` does.
Seen follow(Task& task, const TrainOptions& o, const Ranks& ranks) {
  set_batch_norm_mode(task.network, batch_norm_mode(o.bn_mode));
  const auto optimizer = make_optimizer(o.optimizer, parameters(task.network), {.lr = 0.001});
  TrainStep step(task, o, ranks, *optimizer);
  const BatchPart part = ranks.batch_part();
  LoaderOptions loading{.batch_size = o.batch_size,
                        .shuffle = true,
                        .drop_last = true,
                        .seed = o.seed,
                        .workers = 1,
                        .part = {part.index, part.count}};
  Seen seen;
  set_training(task.network, false);
  const auto test = task.test->feed(loading);
  const auto tested = test->epoch({});
  while (const TrainingBatch* batch = tested->next())
    seen.scores.push_back(task.scores(step.evaluate(batch->inputs), batch->lengths));
  set_training(task.network, true);
  loading.part = part;
  const auto training = task.train->feed(loading);
  for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
    const auto pass = training->epoch({.epoch = epoch});
    while (const TrainingBatch* batch = pass->next()) {
      seen.inputs.push_back(batch->inputs.shape());
      step.run(*batch);
    }
    seen.losses.push_back(step.collect().loss);
  }
  return seen;
}

/// What each rank of a mesh sees of the task that `make` makes for its steps.
template <class Make>
std::vector<Seen> follow_over_local(const Make& make, TrainOptions o, MeshShape shape) {
  o.data_shards = shape.data, o.time_shards = shape.time;
  std::vector<Seen> seen(static_cast<std::size_t>(shape.ranks()));
  run_local(shape.ranks(), [&](Transport& transport) {
    const Ranks ranks(std::make_unique<test::ForwardingTransport>(transport), o);
    seed(o.seed);
    Task task = make(ranks.steps(o.steps));
    seen[static_cast<std::size_t>(transport.rank())] = follow(task, o, ranks);
  });
  return seen;
}

template <class Make>
void check_shards(const Make& make, const TrainOptions& o) {
  const Seen alone = follow_over_local(make, o, {}).at(0);
  REQUIRE(alone.losses.at(1) != alone.losses.at(0));
  for (const MeshShape shape :
       {MeshShape{1, 2}, MeshShape{1, 3}, MeshShape{1, 7}, MeshShape{2, 1}, MeshShape{2, 2}}) {
    const std::vector<Seen> shared = follow_over_local(make, o, shape);
    for (int rank = 0; rank < shape.ranks(); ++rank) {
      INFO("rank " << rank << " of " << shape.data << " data x " << shape.time << " time");
      const Seen& own = shared[static_cast<std::size_t>(rank)];
      const Slice steps = Slice::of(o.steps, rank % shape.time, shape.time);
      const Slice samples = Slice::of(o.batch_size, rank / shape.time, shape.data);
      REQUIRE(own.inputs.size() == alone.inputs.size());
      for (const Shape& inputs : own.inputs) {
        CHECK(inputs[0] == steps.length());
        CHECK(inputs[1] == samples.length());
      }
      REQUIRE(own.scores.size() == alone.scores.size());
      for (std::size_t i = 0; i < own.scores.size(); ++i)
        CHECK(
            test::same_bits(own.scores[i], slice(alone.scores[i], 0, samples.begin, samples.end)));
      for (std::size_t epoch = 0; epoch < alone.losses.size(); ++epoch)
        CHECK(own.losses[epoch] == test::Approx(alone.losses[epoch]).epsilon(1e-4));
    }
  }
}

}  // namespace

TEST_CASE("time shards of ranvier-shd load their own steps and do what one rank does") {
  const SmallTrains set;
  for (const char* feed : {"file", "disk", "device"})
    for (const bool varied : {false, true}) {
      if (varied && feed == std::string("device")) continue;
      INFO(feed << (varied ? ", varied" : ""));
      SpikeTrainOptions o = set.options("run", feed);
      if (varied) o.channel_shift = 2, o.time_skew = 0.2, o.time_jitter = 1, o.drop = 0.2;
      o = completed(o);
      check_shards([&](const std::optional<Slice>& part) { return spike_train_task(o, part); },
                   o.train);
    }
}

TEST_CASE("time shards of ranvier-events load their own steps and do what one rank does") {
  const SmallDigits set;
  for (const char* feed : {"file", "disk", "device"}) {
    INFO(feed);
    CameraOptions o = set.options("run", feed);
    o.train.shift = o.train.flip = feed != std::string("device");
    if (feed == std::string("disk")) o.train.batch_size = 8, o.train.accumulate = 2;
    check_shards([&](const std::optional<Slice>& part) { return camera_task(o, part); }, o.train);
  }
}

TEST_CASE("ranks with other recordings, or of another mesh, are told so") {
  const SmallTrains set, other;
  test::write_trains(other.folder.path() / "train.h5", 48, 3);
  const auto told = [&](bool same, int time_shards_of_rank_1) {
    std::vector<std::string> errors(2);
    run_local(2, [&](Transport& transport) {
      const bool first = transport.rank() == 0;
      SpikeTrainOptions o = completed((first || same ? set : other).options("run"));
      o.train.time_shards = first ? 2 : time_shards_of_rank_1;
      try {
        const Ranks ranks(std::make_unique<test::ForwardingTransport>(transport), o.train);
        seed(o.train.seed);
        const Task task = spike_train_task(o, ranks.steps(o.train.steps));
        agree_on_options(ranks, task, o.train);
      } catch (const Error& error) {
        errors[static_cast<std::size_t>(transport.rank())] = error.what();
      }
    });
    CHECK(errors[0] == errors[1]);
    return errors[0];
  };
  using Catch::Matchers::Contains;
  CHECK(told(true, 2).empty());
  CHECK_THAT(told(false, 2), Contains("has training data fsdd train, 48 samples, ") &&
                                 Contains(" (not fsdd train, 48 samples, ") &&
                                 !Contains("test data"));
  CHECK_THAT(told(true, 3), Contains("has --time-shards 3 (not 2), --data-shards 0 (not 1)."));
}

TEST_CASE("small sets of events for tests/apps/ranks.sh", "[.small-events]") {
  const char* const folder = std::getenv("RANVIER_FOLDER");
  REQUIRE(folder != nullptr);
  const std::filesystem::path path = folder;
  std::filesystem::create_directories(path / "trains");
  SmallTrains::write(path / "trains");
  SmallDigits::write(path / "digits");
}

TEST_CASE("small images for tests/apps/ranks.sh", "[.small-images]") {
  const char* const folder = std::getenv("RANVIER_FOLDER");
  REQUIRE(folder != nullptr);
  const auto write = [&](const std::string& split, std::uint32_t count) {
    const std::filesystem::path path = folder;
    test::Bytes pixels(count * 28 * 28), labels(count);
    for (std::size_t i = 0; i < pixels.size(); ++i)
      pixels[i] = static_cast<std::uint8_t>(i * i / 3);
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::uint8_t>(i % 10);
    test::write_file(path / (split + "-images-idx3-ubyte"),
                     test::idx_file({count, 28, 28}, pixels));
    test::write_file(path / (split + "-labels-idx1-ubyte"), test::idx_file({count}, labels));
  };
  write("train", 16);
  write("t10k", 42);
}

}  // namespace ranvier::apps
