#include "apps/training/training.h"

#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "apps/support/run_program.h"
#include "apps/tasks/image_samples.h"
#include "apps/training/output_directory.h"
#include "apps/training/train.h"
#include "ranvier/core/random.h"
#include "ranvier/data/checkpoint.h"
#include "ranvier/distributed/local_transport.h"
#include "ranvier/layers/networks.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/loss/one_hot.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/spikes/event_thresholds.h"
#include "tests/support/catch.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"
#include "tests/support/forwarding_transport.h"
#include "tests/support/run_training.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/values.h"

using namespace ranvier;
using namespace ranvier::apps;

namespace {

/// Images whose brighter half tells the class.
ImageDataset halves(std::int64_t count, std::uint64_t of_seed) {
  Generator generator{of_seed, 0};
  Tensor noise = uniform({count, 8, 8, 1}, 0, 90, generator);
  Tensor images = empty({count, 8, 8, 1}, {.dtype = DType::u8});
  Tensor labels = empty({count}, {.dtype = DType::i64});
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t label = i % 2;
    labels.mutable_data<std::int64_t>()[i] = label;
    for (std::int64_t p = 0; p < 64; ++p)
      images.mutable_data<std::uint8_t>()[i * 64 + p] =
          static_cast<std::uint8_t>(noise.data<float>()[i * 64 + p] + (p / 32 == label ? 150 : 0));
  }
  return ImageDataset("halves", images, labels, {"top", "bottom"});
}

Task small_task(const TrainOptions& o) {
  seed(o.seed);
  return {
      .program = "test",
      .network = csnn({.steps = o.steps, .channels = o.channels, .classes = 2, .image = {8, 8, 1}}),
      .scores = [](const Tensor& spikes, const Tensor&) { return mean(spikes, {0}); },
      .score_name = "firing rate",
      .loss = [](const Tensor& rates,
                 const Tensor& labels) { return mse_loss(rates, one_hot(labels, 2)); },
      .train = training_images(halves(64, 1), o),
      .test = test_images(halves(32, 2), o)};
}

TrainOptions small_options(const std::filesystem::path& folder) {
  return {.epochs = 3,
          .batch_size = 8,
          .steps = 2,
          .channels = 4,
          .lr = 0.05,
          .seed = 5,
          .deterministic = true,
          .output_dir = folder,
          .workers = 1,
          .shift = true};
}

int train(const TrainOptions& options) {
  Task task = small_task(options);
  return test::run_training(task, options);
}

std::vector<std::vector<double>> values(const std::filesystem::path& folder) {
  std::vector<std::vector<double>> all;
  for (const auto& [name, tensor] : load_checkpoint(folder / "checkpoint.h5").tensors)
    all.push_back(to_vector(tensor));
  return all;
}

std::size_t lines(const std::filesystem::path& file) {
  std::ifstream in(file);
  return static_cast<std::size_t>(
      std::count(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>(), '\n'));
}

}  // namespace

TEST_CASE("a trainer learns, and leaves metrics, a checkpoint and a report") {
  const test::TemporaryFolder folder;
  CHECK(train(small_options(folder.path())) == 0);
  CHECK(lines(folder / "metrics.csv") == 4);
  CHECK(std::filesystem::file_size(folder / "report.html") > 1000);
  const TrainOptions again = [&] {
    TrainOptions o = small_options(folder.path());
    o.eval_only = true;
    return o;
  }();
  CHECK(train(again) == 0);
}

TEST_CASE("the same seed gives the same run bit for bit, for any number of workers") {
  const test::TemporaryFolder a, b;
  train(small_options(a.path()));
  TrainOptions other = small_options(b.path());
  other.workers = 0;
  train(other);
  CHECK(values(a.path()) == values(b.path()));
}

TEST_CASE("a run that was interrupted and resumed is the run that never stopped, bit for bit") {
  const test::TemporaryFolder whole, parts;
  train(small_options(whole.path()));
  TrainOptions options = small_options(parts.path());
  int status = 0, stops = 0;
  // Stops the run in the middle of an epoch, from the loss of a chosen step.
  for (const int stop_at : {3, 7, 5}) {
    Task task = small_task(options);
    int calls = 0;
    task.loss = [&, inner = task.loss](const Tensor& rates, const Tensor& labels) {
      if (++calls == stop_at) std::raise(SIGINT);
      return inner(rates, labels);
    };
    status = test::run_training(task, options);
    stops += status == 130;
    options.resume = std::filesystem::path();
  }
  CHECK(stops == 3);
  CHECK(train(options) == 0);
  CHECK(values(parts.path()) == values(whole.path()));
  CHECK(lines(parts.path() / "metrics.csv") == 4);
}

TEST_CASE("parts of a batch, one after another, make the step of the whole batch") {
  const test::TemporaryFolder folder;
  TrainOptions options = small_options(folder.path() / "whole");
  options.epochs = 1;
  options.bn_mode = "frozen";  // otherwise each part has its own statistics
  CHECK(train(options) == 0);
  options.output_dir = folder.path() / "parts";
  options.accumulate = 4;
  CHECK(train(options) == 0);
  const auto whole = load_checkpoint(folder.path() / "whole" / "checkpoint.h5").tensors;
  const auto parts = load_checkpoint(folder.path() / "parts" / "checkpoint.h5").tensors;
  REQUIRE(whole.size() == parts.size());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    INFO(whole[i].name);
    CHECK(test::largest_difference(whole[i].tensor, parts[i].tensor) < 1e-5);
  }
  const auto losses = [&](const char* name) {
    std::ifstream file(folder.path() / name / "metrics.csv");
    std::string line;
    std::getline(file, line);
    std::getline(file, line);
    return line.substr(0, line.find(',', 8));
  };
  CHECK(losses("whole") == losses("parts"));
}

TEST_CASE("kernel choices that were timed belong to the checkpoint") {
  const test::TemporaryFolder folder;
  train(small_options(folder.path()));
  const EventThresholds fixed = event_thresholds(DType::f32);
  set_event_thresholds(DType::f32, {.linear_forward = 0.125});
  TrainOptions options = small_options(folder.path());
  options.resume = std::filesystem::path();
  train(options);
  CHECK(event_thresholds(DType::f32).linear_forward == fixed.linear_forward);
}

TEST_CASE("a checkpoint of another network or recipe is refused with both values") {
  const test::TemporaryFolder folder;
  train(small_options(folder.path()));
  TrainOptions options = small_options(folder.path());
  options.resume = std::filesystem::path();
  options.channels = 6;
  CHECK_ERROR(train(options), ErrorCode::invalid_argument, "(3, 3, 1, 6)");
  options.channels = 4;
  options.batch_size = 16;
  CHECK_ERROR(train(options), ErrorCode::state, "made with --batch-size 8, this run has 16");
  options.batch_size = 8;
  options.resume = folder / "missing.h5";
  CHECK_ERROR(train(options), ErrorCode::io, "missing.h5");
}

TEST_CASE("a checkpoint keeps losses that are no numbers, and epochs that fit its place") {
  const test::TemporaryFolder folder;
  const TrainOptions options = small_options(folder.path());
  Task task = small_task(options);
  const auto optimizer = make_optimizer("sgd", parameters(task.network));
  const auto file = folder / "checkpoint.h5";
  RunState state;
  state.next.epoch = 1;
  state.history = {{.epoch = 1, .test_loss = INFINITY}};
  save_run(file, task, options, *optimizer, state);
  CHECK(std::isnan(load_run(file, task, options, *optimizer).history.at(0).test_loss));
  state.next.epoch = 2;
  save_run(file, task, options, *optimizer, state);
  CHECK_ERROR(load_run(file, task, options, *optimizer), ErrorCode::format,
              "is of epoch 3 and tells of 1 finished ones");
}

TEST_CASE("a loss that is not finite names the layer it comes from and keeps the checkpoint") {
  const test::TemporaryFolder folder;
  train(small_options(folder.path()));
  const auto before = values(folder.path());
  TrainOptions options = small_options(folder.path());
  options.epochs = 4;
  Task task = small_task(options);
  NamedTensors weights = parameters(task.network);
  fill(weights[3].tensor, std::numeric_limits<double>::quiet_NaN());
  CHECK_ERROR(test::run_training(task, options), ErrorCode::non_finite, "layer '4' (Conv2d)");
  CHECK(values(folder.path()) == before);
}

TEST_CASE("a checkpoint that cannot be written for a while costs nothing") {
  const test::TemporaryFolder whole, parts;
  train(small_options(whole.path()));
  const auto folder = parts / "run", hidden = parts / "hidden";
  TrainOptions options = small_options(folder);
  Task task = small_task(options);
  int calls = 0;
  // The folder is gone while epoch 1 ends (8 steps and 4 test batches) and back for epoch 2.
  task.loss = [&, inner = task.loss](const Tensor& rates, const Tensor& labels) {
    ++calls;
    if (calls == 3) std::filesystem::rename(folder, hidden);
    if (calls == 16) std::filesystem::rename(hidden, folder);
    return inner(rates, labels);
  };
  CHECK(test::run_training(task, options) == 0);
  CHECK(values(folder) == values(whole.path()));
  CHECK(lines(folder / "metrics.csv") == 4);
}

TEST_CASE("a log that cannot be written does not end a run, and its program tells of it") {
  const test::TemporaryFolder folder;
  TrainOptions options = small_options(folder / "run");
  options.epochs = 2;
  std::fflush(stdout);
  const int former = dup(STDOUT_FILENO);
  REQUIRE(std::freopen("/dev/full", "w", stdout) != nullptr);
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  CLI::App app("A trainer.", "trainer");
  const char* const arguments[] = {"trainer"};
  int trained = -1;
  const int status = run_program(app, 1, arguments, [&] { return trained = train(options); });
  std::clearerr(stdout);
  dup2(former, STDOUT_FILENO);
  close(former);
  CHECK(trained == 0);
  CHECK(status == 1);
  CHECK(std::filesystem::exists(folder / "run/report.html"));
}

TEST_CASE("programs end with 0 after help, and with 1 after a mistake on the command line") {
  CLI::App app("A program.", "program");
  const auto status = [&](const char* argument) {
    const char* const arguments[] = {"program", argument};
    return run_program(app, 2, arguments, [] { return 7; });
  };
  CHECK(status("--help") == 0);
  CHECK(status("--version") == 0);
  CHECK(status("--nonsense") == 1);
  const char* const nothing[] = {"program"};
  CHECK(run_program(app, 1, nothing, [] { return 7; }) == 7);
}

TEST_CASE("an output directory that cannot be used is refused before training") {
  TrainOptions options = small_options("/proc/nowhere");
  CHECK_ERROR(train(options), ErrorCode::io, "/proc/nowhere: cannot create the output directory");
  const test::TemporaryFolder folder;
  options.output_dir = folder.path();
  const auto claimed = claim_output_directory(folder.path());
  CHECK_ERROR(train(options), ErrorCode::io, "another run writes to this output directory");
  options.eval_only = true;  // reads only
  CHECK_ERROR(train(options), ErrorCode::io, "there is no checkpoint yet");
}

TEST_CASE("options out of range are refused by name") {
  const auto code = ErrorCode::invalid_argument;
  const auto with = [](auto TrainOptions::*option, auto value) {
    TrainOptions options = small_options("unused");
    options.*option = value;
    return options;
  };
  using O = TrainOptions;
  CHECK_ERROR(prepare(with(&O::batch_size, 0)), code, "--batch-size must be >= 1; got 0.");
  CHECK_ERROR(prepare(with(&O::steps, 0)), code, "--steps must be >= 1; got 0.");
  CHECK_ERROR(prepare(with(&O::device, "cuda:99")), ErrorCode::device, "cuda:99 is not available");
  CHECK_ERROR(prepare(with(&O::amp, "f8")), code, "--amp must be none, bf16 or f16; got 'f8'.");
  CHECK_ERROR(prepare(with(&O::bn_mode, "batch")), code,
              "--bn-mode must be sync, step or frozen; got 'batch'.");
  CHECK_ERROR(prepare(with(&O::pack_spikes, "yes")), code,
              "--pack-spikes must be auto, on or off; got 'yes'.");
  CHECK_ERROR(prepare(with(&O::transport, "pigeon")), code,
              "--transport must be auto, self, mpi or nccl; got 'pigeon'.");
  CHECK_ERROR(train(with(&O::accumulate, 3)), code,
              "--accumulate 3 times 1 data shard(s) must divide --batch-size 8.");
  CHECK_ERROR(train(with(&O::time_shards, 2)), code,
              "--time-shards 2 does not divide the 1 ranks that were started");
  CHECK_ERROR(prepare(with(&O::speculate, true)), code,
              "--speculate needs --time-shards of 2 or more; got 0.");
  TrainOptions guessing = with(&O::speculate, true);
  guessing.time_shards = 2;
  guessing.device = "cuda";
  CHECK_ERROR(prepare(guessing), code, "--speculate is of CPUs");
  CHECK_ERROR(train(with(&O::data_shards, 3)), code,
              "3 data x 1 time shards need 3 ranks, but 1 were started");
  CHECK_ERROR(train(with(&O::optimizer, "lion")), code, "lion");
  CHECK_ERROR(train(with(&O::scheduler, "magic")), code, "magic");
  CHECK_ERROR(prepare(with(&O::tf32, true)), code, "--tf32 is of CUDA devices; got --device cpu.");
  CHECK_ERROR(prepare(with(&O::autotune, true)), code, "--autotune is of CUDA devices");
  TrainOptions timed = with(&O::autotune, true);
  timed.device = "cuda";
  timed.deterministic = true;
  CHECK_ERROR(prepare(timed), code,
              "--autotune chooses by timing, which --deterministic rules out");
  TrainOptions alone = with(&O::pack_spikes, "on");
  alone.no_fuse = true;
  CHECK_ERROR(prepare(alone), code, "--pack-spikes on needs fused layers; leave out --no-fuse.");
}

TEST_CASE("on a CUDA device a run is the same as a graph, step by step, and resumed", "[cuda]") {
  RV_NEEDS_CUDA();
  const test::TemporaryFolder graph, eager, parts;
  TrainOptions options = small_options(graph.path());
  options.device = "cuda";
  CHECK(train(options) == 0);
  options.output_dir = eager.path();
  options.graph = "off";
  CHECK(train(options) == 0);
  CHECK(values(eager.path()) == values(graph.path()));

  options.output_dir = parts.path();
  options.graph = "on";
  {
    Task task = small_task(options);
    int calls = 0;
    task.loss = [&, inner = task.loss](const Tensor& rates, const Tensor& labels) {
      if (++calls == 2) std::raise(SIGINT);  // while the step is recorded
      return inner(rates, labels);
    };
    CHECK(test::run_training(task, options) == 130);
  }
  options.resume = std::filesystem::path();
  CHECK(train(options) == 0);
  CHECK(values(parts.path()) == values(graph.path()));
}

TEST_CASE("on a CUDA device a run with spikes kept as bits is the same", "[cuda]") {
  RV_NEEDS_CUDA();
  const test::TemporaryFolder numbers, bits;
  TrainOptions options = small_options(numbers.path());
  options.device = "cuda";
  CHECK(train(options) == 0);
  options.output_dir = bits.path();
  options.pack_spikes = "on";
  CHECK(train(options) == 0);
  CHECK(values(bits.path()) == values(numbers.path()));
}

TEST_CASE("on several GPUs steps are the same as graphs and one by one", "[cuda]") {
  RV_NEEDS_CUDA();
  if (cuda_device_count() < 4) SKIP("there are fewer than 4 CUDA devices");
  const auto weights = [](int data_shards, int time_shards, bool recorded) {
    std::vector<std::vector<double>> of_first;
    run_local(data_shards * time_shards, [&](Transport& hosts) {
      TrainOptions options = small_options("unused");
      options.device = fmt::format("cuda:{}", hosts.rank());
      options.transport = "nccl";
      options.data_shards = data_shards;
      options.time_shards = time_shards;
      options.graph = recorded ? "on" : "off";
      const Ranks ranks(std::make_unique<test::ForwardingTransport>(hosts), options);
      Task task = small_task(options);
      move_to(task.network, parse_device(options.device));
      const auto adam = make_optimizer("adam", parameters(task.network));
      TrainStep step(task, options, ranks, *adam);
      const LoaderOptions batches{.batch_size = options.batch_size,
                                  .shuffle = true,
                                  .drop_last = true,
                                  .part = ranks.batch_part()};
      const auto feed = recorded ? task.train->gathered_feed(batches) : task.train->feed(batches);
      for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
        const auto pass = feed->epoch({.epoch = epoch});
        while (const TrainingBatch* batch = pass->next()) step.run(*batch);
      }
      step.collect();
      if (hosts.rank() == 0)
        for (const NamedTensor& each : state_dict(task.network))
          of_first.push_back(to_vector(each.tensor));
    });
    return of_first;
  };
  for (const auto& [data, time] : {std::pair{2, 1}, {1, 2}, {2, 2}}) {
    INFO(data << " data x " << time << " time shards");
    CHECK(weights(data, time, true) == weights(data, time, false));
  }
}

TEST_CASE("on a CUDA device a network that lost a layer to NaN is not kept", "[cuda]") {
  RV_NEEDS_CUDA();
  const test::TemporaryFolder folder;
  TrainOptions options = small_options(folder.path());
  options.device = "cuda";
  for (const std::string graph : {"on", "off"}) {
    options.graph = graph;
    Task task = small_task(options);
    task.network = leaky_mlp({.steps = options.steps, .inputs = 64, .hidden = 4, .classes = 2});
    NamedTensors weights = parameters(task.network);
    fill(weights[0].tensor, std::numeric_limits<double>::quiet_NaN());  // does not fire
    CHECK_ERROR(test::run_training(task, options), ErrorCode::non_finite,
                "'1.weight' has a NaN or an infinity. The first output that is not finite leaves "
                "layer '1' (Linear)");
    CHECK_FALSE(std::filesystem::exists(folder / "checkpoint.h5"));
  }
}

TEST_CASE("a step that reads from a CUDA device is not recorded, and training goes on", "[cuda]") {
  RV_NEEDS_CUDA();
  const test::TemporaryFolder folder;
  TrainOptions options = small_options(folder.path());
  options.device = "cuda";
  Task task = small_task(options);
  task.loss = [inner = task.loss](const Tensor& rates, const Tensor& labels) {
    const Tensor loss = inner(rates, labels);
    loss.item();
    return loss;
  };
  CHECK(test::run_training(task, options) == 0);
  CHECK(lines(folder / "metrics.csv") == 4);
}
