// The event trainers on small generated data, by every feed.
#include <algorithm>
#include <cmath>
#include <csignal>
#include <mutex>
#include <sstream>
#include <thread>
#include <vector>

#include "apps/tasks/event_sets.h"
#include "apps/tasks/spike_train_task.h"
#include "apps/training/train.h"
#include "apps/training/training.h"
#include "ranvier/data/checkpoint.h"
#include "ranvier/layers/delay.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/reduce/sum.h"
#include "tests/apps/small_event_sets.h"
#include "tests/support/catch.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"
#include "tests/support/run_training.h"

namespace ranvier::apps {
namespace {

namespace fs = std::filesystem;
using test::SmallDigits;
using test::SmallTrains;

int train(const SpikeTrainOptions& given, int stop_at = 0) {
  const SpikeTrainOptions o = completed(given);
  prepare(o.train);
  Task task = spike_train_task(o);
  int calls = 0;
  task.loss = [&, inner = task.loss](const Tensor& scores, const Tensor& labels) {
    if (++calls == stop_at) std::raise(SIGINT);
    return inner(scores, labels);
  };
  return test::run_training(task, o.train);
}

int train(const CameraOptions& o) {
  prepare(o.train);
  Task task = camera_task(o);
  return test::run_training(task, o.train);
}

std::vector<std::vector<double>> weights(const fs::path& folder) {
  std::vector<std::vector<double>> all;
  for (const auto& [name, tensor] : load_checkpoint(folder / "checkpoint.h5").tensors)
    all.push_back(to_vector(tensor));
  return all;
}

/// Trains at a rate that moves nothing, with a decay that halves what it is for in every step.
void check_decay(Task&& task, TrainOptions o) {
  o.batch_size = 4;
  o.lr = 1e-5;
  o.weight_decay = 5e4;
  o.scheduler = "constant";
  const NamedTensors learned = parameters(task.network);
  std::vector<double> before;
  const auto size = [](const Tensor& tensor) { return sum(square(tensor.detach())).item(); };
  for (const auto& [name, tensor] : learned) before.push_back(size(tensor));
  REQUIRE(test::run_training(task, o) == 0);
  for (std::size_t i = 0; i < learned.size(); ++i) {
    const std::string& name = learned[i].name;
    INFO(name);
    const bool decays = name.ends_with("weight") || name.ends_with("bias");
    CHECK(size(learned[i].tensor) ==
          test::Approx(decays ? 0 : before[i]).margin(before[i] / 2 + 1e-6));
  }
}

/// The numbers of the last row.
std::vector<double> last_row(const fs::path& metrics) {
  std::istringstream text(test::file_text(metrics));
  std::string last;
  for (std::string line; std::getline(text, line);) last = line;
  std::istringstream cells(last);
  std::vector<double> row;
  for (std::string cell; std::getline(cells, cell, ',');) row.push_back(std::stod(cell));
  return row;
}

}  // namespace

TEST_CASE("every model of spike trains learns, and its report shows what it heard") {
  const SmallTrains set;
  for (const char* model : {"mlp", "recurrent", "adaptive"}) {
    INFO(model);
    SpikeTrainOptions o = set.options(model);
    o.model = model;
    o.train.epochs = 10;
    CHECK(train(o) == 0);
    const std::string metrics = test::file_text(set.folder / model / "metrics.csv");
    CHECK(metrics.starts_with(
        "epoch,train_loss,train_acc,test_loss,test_acc,seconds,images_per_second,data_seconds\n"));
    const std::vector<double> row = last_row(set.folder / model / "metrics.csv");
    REQUIRE(row.size() == 8);
    CHECK(row[4] >= 0.75);               // test_acc; chance is a half
    constexpr double rounding = 0.0055;  // seconds are written to 0.01, data_seconds to 0.001
    CHECK(row[7] <= row[5] + rounding);
    const std::string report = test::file_text(set.folder / model / "report.html");
    CHECK_THAT(report, Catch::Matchers::Contains("recordings to train") &&
                           Catch::Matchers::Contains("Spikes of input") &&
                           Catch::Matchers::Contains("time-step"));
  }
}

TEST_CASE("the votes of the steps train as well, and are summed over a recording's own steps") {
  const SmallTrains set;
  SpikeTrainOptions o = set.options("votes");
  o.readout = "softmax";
  o.train.epochs = 10;
  CHECK(train(o) == 0);
  CHECK(last_row(set.folder / "votes" / "metrics.csv")[4] >= 0.75);

  const Task task = spike_train_task(completed(o));
  const Tensor output =
      from_vector<float>({0, 0, 5, 5, 1, 3, 9, -9}, {2, 2, 2});  // [T, B, classes]
  const Tensor scores = task.scores(output, from_vector<std::int64_t>({2, 1}, {2}));
  const double share = 1 / (1 + std::exp(2.0));  // of the first class, of outputs 1 and 3
  CHECK(scores.shape() == Shape{2, 2});
  CHECK(to_vector(scores)[0] == test::Approx(0.5 + share));
  CHECK(to_vector(scores)[1] == test::Approx(1.5 - share));
  CHECK(to_vector(scores)[2] == 0.5);
  CHECK(to_vector(scores)[3] == 0.5);
}

TEST_CASE("ranvier-shd delays the spikes of hidden layers by whole time steps at most") {
  const SmallTrains set;
  SpikeTrainOptions o = set.options("delays");
  o.layers = 2;
  o.delays = 7;  // of 2 ms
  for (const char* model : {"mlp", "recurrent", "adaptive"}) {
    INFO(model);
    o.model = model;
    Task task = spike_train_task(completed(o));
    std::vector<std::int64_t> longest;
    for (std::size_t i = 0; i < task.network.size(); ++i)
      if (const Delay* layer = task.network.module(i).as<Delay>())
        longest.push_back(layer->options.max_delay);
    CHECK(longest == std::vector<std::int64_t>{4, 4});
  }
}

TEST_CASE("trainers' weight decay is for weights and biases alone") {
  const SmallTrains trains;
  SpikeTrainOptions spikes = trains.options("decay");
  spikes.delays = 7;
  check_decay(spike_train_task(completed(spikes)), completed(spikes).train);
  const SmallDigits digits;
  const CameraOptions camera = digits.options("decay");
  check_decay(camera_task(camera), camera.train);
}

TEST_CASE("recordings from the file, the disk cache and the device train the same bits") {
  const SmallTrains set;
  for (const char* feed : {"file", "disk", "device"}) CHECK(train(set.options(feed, feed)) == 0);
  CHECK(train(set.options("disk-again", "disk")) == 0);
  const auto file = weights(set.folder / "file");
  CHECK(weights(set.folder / "disk") == file);
  CHECK(weights(set.folder / "disk-again") == file);
  CHECK(weights(set.folder / "device") == file);
}

TEST_CASE("what a camera saw trains the same bits from the file, the disk cache and the device") {
  const SmallDigits set;
  for (const char* feed : {"file", "disk", "device"}) CHECK(train(set.options(feed, feed)) == 0);
  const auto file = weights(set.folder / "file");
  CHECK(weights(set.folder / "disk") == file);
  CHECK(weights(set.folder / "device") == file);
  CameraOptions o = set.options("varied", "device");
  o.train.flip = true;
  CHECK_ERROR(train(o), ErrorCode::invalid_argument,
              "--feed device keeps recordings as they are and cannot vary them by RandomFlipLR(");
  o = set.options("unused", "tape");
  CHECK_ERROR(train(o), ErrorCode::invalid_argument,
              "--feed must be file, disk or device; got 'tape'.");
}

TEST_CASE("an event trainer that was stopped and resumed is the one that never was, bit for bit") {
  const SmallTrains set;
  const auto varied = [&](const std::string& run) {
    SpikeTrainOptions o = set.options(run, "disk");
    o.channel_shift = 2, o.time_skew = 0.2, o.time_jitter = 1;
    o.drop = 0.2, o.drop_time = 0.1, o.drop_channels = 0.1;
    o.delays = 12;
    return o;
  };
  CHECK(train(varied("whole")) == 0);
  SpikeTrainOptions parts = varied("parts");
  for (const int stop_at : {2, 9, 5}) {
    CHECK(train(parts, stop_at) == 130);
    parts.train.resume = fs::path();
  }
  CHECK(train(parts) == 0);
  CHECK(weights(set.folder / "parts") == weights(set.folder / "whole"));
  parts.drop = 0.3;
  CHECK_ERROR(train(parts), ErrorCode::state, "made with --drop \"0.2\", this run has \"0.3\"");
}

TEST_CASE("recordings that cannot be read stop an event trainer, or are skipped if it is told so") {
  const SmallTrains set;
  test::Bytes bytes = test::file_bytes(set.folder / "train.h5");
  const test::Bytes last_time{0x00, 0x00, 0x44, 0x41}, not_a_number{0x00, 0x00, 0xc0, 0x7f};
  const auto at = std::search(bytes.begin(), bytes.end(), last_time.begin(), last_time.end());
  REQUIRE(at != bytes.end());
  std::copy(not_a_number.begin(), not_a_number.end(), at);
  test::write_file(set.folder / "train.h5", bytes);
  CHECK_ERROR(train(set.options("strict")), ErrorCode::format, "sample 47");
  SpikeTrainOptions o = set.options("lenient");
  o.feed.skip_bad = true;
  CHECK(train(o) == 0);
}

TEST_CASE("options of ranvier-shd out of range are refused by name") {
  const auto refuses = [](auto change, const char* text) {
    SpikeTrainOptions o = spike_train_defaults();
    o.train.data_dir = "unused";
    change(o);
    CHECK_ERROR(completed(o), ErrorCode::invalid_argument, text);
  };
  using O = SpikeTrainOptions;
  refuses([](O& o) { o.dataset = "tidigits"; },
          "--dataset must be shd, ssc, fsdd or randman; got 'tidigits'.");
  refuses([](O& o) { o.model = "rnn"; }, "--model must be mlp, recurrent or adaptive; got 'rnn'.");
  refuses([](O& o) { o.feed.feed = "tape"; }, "--feed must be file, disk or device; got 'tape'.");
  refuses([](O& o) { o.tau = 0; }, "--tau must be > 0; got 0.");
  refuses([](O& o) { o.time_step = -1; }, "--time-step and --duration must be >= 0; got -1 and 0.");
  refuses([](O& o) { o.delays = -1; }, "--delays must be >= 0; got -1.");
  refuses([](O& o) { o.layers = 0; }, "--layers in [1, 64]; got 256 and 0.");
  refuses([](O& o) { o.readout = "first"; },
          "--readout must be sum, mean, last, max or softmax; got 'first'.");
  refuses([](O& o) { o.time_skew = -1; }, "must be >= 0; got 0, -1 and 0.");
  refuses([](O& o) { o.drop = 2; }, "--drop must be in [0, 1]; got 2.");
  refuses([](O& o) { o.drop_time = -0.5; }, "--drop-time must be in [0, 1]; got -0.5.");
  refuses([](O& o) { o.drop_channels = 1.5; }, "--drop-channels must be in [0, 1]; got 1.5.");
  const SmallTrains set;
  SpikeTrainOptions o = set.options("unused", "device");
  o.drop = 0.1;
  CHECK_ERROR(train(o), ErrorCode::invalid_argument,
              "--feed device keeps recordings as they are and cannot vary them by DropEvent(");
  o = set.options("unused");
  o.train.data_dir = set.folder / "nowhere";
  CHECK_ERROR(train(o), ErrorCode::io, "nowhere");
}

TEST_CASE("Randman is generated once, where its caches lie") {
  const test::TemporaryFolder folder;
  SpikeTrainOptions o = spike_train_defaults();
  o.dataset = "randman";
  o.feed.cache_dir = folder.path();
  const SpikeTrainOptions first = completed(o);
  CHECK(first.train.channels == 50);
  CHECK(first.train.steps == 100);
  const fs::path file = folder / "randman-0" / "train.h5";
  CHECK_FALSE(fs::exists(file));
  spike_train_task(first);
  const auto made = fs::last_write_time(file);
  spike_train_task(first);
  CHECK(fs::last_write_time(file) == made);
}

TEST_CASE("programs that want the same generated data at once generate it once") {
  const test::TemporaryFolder folder;
  std::mutex mutex;
  std::vector<fs::file_time_type> made;
  std::vector<std::thread> programs;
  for (int i = 0; i < 3; ++i)
    programs.emplace_back([&] {
      const auto time = fs::last_write_time(randman_folder(folder.path(), 7) / "train.h5");
      const std::lock_guard lock(mutex);
      made.push_back(time);
    });
  for (std::thread& program : programs) program.join();
  REQUIRE(made.size() == 3);
  CHECK(made == std::vector<fs::file_time_type>(3, made[0]));
}

TEST_CASE("a CUDA device learns from recordings of any length by one recorded step", "[cuda]") {
  RV_NEEDS_CUDA();
  const SmallTrains set;
  for (const char* model : {"mlp", "recurrent", "adaptive"})
    for (const char* feed : {"file", "device"}) {
      INFO(model << " " << feed);
      SpikeTrainOptions o = set.options(std::string(model) + feed, feed);
      o.model = model;
      o.train.device = "cuda";
      o.train.epochs = 10;
      CHECK(train(o) == 0);
      CHECK(last_row(o.train.output_dir / "metrics.csv").at(4) > 0.9);
    }
}

TEST_CASE("a CUDA device bins what a camera saw within its recorded step", "[cuda]") {
  RV_NEEDS_CUDA();
  const SmallDigits set;
  for (const char* feed : {"file", "device"}) {
    CameraOptions o = set.options(feed, feed);
    o.train.device = "cuda";
    CHECK(train(o) == 0);
  }
  const auto file = weights(set.folder / "file"), device = weights(set.folder / "device");
  REQUIRE(file.size() == device.size());
  for (std::size_t i = 0; i < file.size(); ++i)
    for (std::size_t k = 0; k < file[i].size(); ++k)
      CHECK(device[i][k] == test::Approx(file[i][k]).margin(1e-3));
}

}  // namespace ranvier::apps
