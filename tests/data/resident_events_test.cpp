#include "ranvier/data/resident_events.h"

#include "ranvier/data/event_cache.h"
#include "ranvier/data/loader.h"
#include "tests/data/event_examples.h"
#include "tests/support/catch.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/threads.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;

/// Everything an epoch delivers.
template <class Set>
std::vector<Tensor> epoch_of(const Set& set, int workers = 0) {
  DataLoader loader(set, {.batch_size = 7, .shuffle = true, .seed = 4, .workers = workers});
  std::vector<Tensor> all;
  for (const EventBatch& batch : loader.epoch({}))
    for (const Tensor* part : {&batch.frames, &batch.labels, &batch.lengths})
      all.push_back(clone(*part).to(cpu_device));
  return all;
}

bool same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_bits);
}

const std::vector<ToFrame> framings{
    {.time_window = 1000},
    {.time_window = 1000, .include_incomplete = true},
    {.time_window = 3000, .overlap = 1700, .include_incomplete = true},
    {.time_window = 700, .start = 2000},
    {.time_window = 700, .start = -2000, .fixed_steps = 40},
    {.time_window = 1'000'000'000},
    {.event_count = 9, .overlap = 3, .include_incomplete = true},
    {.n_time_bins = 13},
    {.n_time_bins = 9, .overlap = 0.3},
    {.n_event_bins = 4},
};

}  // namespace

TEST_CASE("from the source, from a cache and from memory come the same batches") {
  for (const Sensor& sensor :
       {Sensor{.width = 20}, Sensor{.width = 8, .height = 6, .polarities = 2}})
    for (const ToFrame& framing : framings) {
      INFO(framing.describe());
      const auto source = example_recordings(40, sensor);
      const EventDatasetOptions options{.framing = framing, .max_steps = 45};
      const std::vector<Tensor> expected = epoch_of(EventDataset(source, options));
      const TemporaryFolder folder(memory_folder());
      const auto cache = cached(source, {}, {.folder = folder.path()});
      CHECK(same(epoch_of(EventDataset(cache, options), 2), expected));
      for (const int threads : {1, 2}) {
        const Threads scope(threads);
        CHECK(same(epoch_of(ResidentEvents(source, options)), expected));
        CHECK(same(epoch_of(ResidentEvents(cache, options)), expected));
      }
    }
}

TEST_CASE("from the memory of a CUDA device come the same batches", "[cuda]") {
  RV_NEEDS_CUDA();
  for (const Sensor& sensor :
       {Sensor{.width = 20}, Sensor{.width = 256, .height = 256, .polarities = 2}})
    for (const ToFrame& framing : framings) {
      INFO(framing.describe());
      const auto source = example_recordings(40, sensor);
      const EventDatasetOptions options{.framing = framing, .max_steps = 3};
      CHECK(same(epoch_of(ResidentEvents(source, options, cuda_device)),
                 epoch_of(EventDataset(source, options))));
    }
}

TEST_CASE("resident events are gathered by indices on their device in frames of any length") {
  const auto source = example_recordings(10);
  const EventDatasetOptions options{.framing = ToFrame{.time_window = 1000}};
  const std::vector<Device> devices =
      is_available(cuda_device) ? std::vector{cpu_device, cuda_device} : std::vector{cpu_device};
  for (const Device device : devices) {
    const ResidentEvents resident(source, options, device);
    const std::vector<std::int64_t> chosen{3, 9, 3, 0};
    EventBatch fetched, gathered;
    resident.fetch(chosen, {}, fetched);
    const std::int64_t own = fetched.frames.size(0);
    const Tensor samples = from_vector(chosen, {4}).to(device);
    for (const std::int64_t steps : {own + 3, own, std::int64_t{2}}) {
      resident.gather(samples, steps, gathered);
      REQUIRE(gathered.frames.size(0) == steps);
      CHECK(to_vector(gathered.labels) == to_vector(fetched.labels));
      std::vector<double> frames = to_vector(fetched.frames), lengths = to_vector(fetched.lengths);
      frames.resize(static_cast<std::size_t>(gathered.frames.numel()));
      for (double& length : lengths) length = std::min(length, static_cast<double>(steps));
      CHECK(to_vector(gathered.frames) == frames);
      CHECK(to_vector(gathered.lengths) == lengths);
    }
  }
}

TEST_CASE("a fixed transform is the same before a cache, behind it and in memory") {
  const auto source = example_recordings(40);
  const ToFrame framing{.time_window = 1000};
  const JoinChannels join{.group = 5};
  const EventDatasetOptions options{.framing = framing, .transform = join};
  const std::vector<Tensor> expected = epoch_of(EventDataset(source, options));
  CHECK(expected.at(0).size(2) == 4);
  const TemporaryFolder folder(memory_folder());
  const auto cache = cached(source, join, {.folder = folder.path()});
  CHECK(same(epoch_of(EventDataset(cache, {.framing = framing})), expected));
  CHECK(same(epoch_of(ResidentEvents(source, options)), expected));
}

TEST_CASE("resident events take 4 bytes each if step and place fit, else 8") {
  // 0 to 49500 steps are 16 bits.
  const auto bytes_with = [](std::int64_t width, std::int64_t height) {
    const auto source = example_recordings(40, {.width = width, .height = height});
    std::int64_t events = 0;
    for (std::int64_t i = 0; i < 40; ++i) events += i * 37 % 100;
    return static_cast<double>(
               ResidentEvents(source, {.framing = ToFrame{.time_window = 1}}).bytes()) /
           static_cast<double>(events);
  };
  CHECK(bytes_with(700, 1) == 4);
  CHECK(bytes_with(256, 256) == 4);
  CHECK(bytes_with(512, 256) == 8);
}

TEST_CASE("recordings that cannot be read are skipped in memory as they are in files") {
  const auto damaged =
      std::make_shared<DamagedRecordings>(example_recordings(20), std::set<std::int64_t>{2, 5});
  EventDatasetOptions options{.framing = ToFrame{.time_window = 1000}};
  CHECK_ERROR(ResidentEvents(damaged, options), ErrorCode::format,
              "[demo] recording 2 is damaged.");
  options.skip_bad = true;
  const ResidentEvents resident(damaged, options);
  CHECK(resident.skipped().count == 2);
  CHECK(resident.skipped().first_error == "[demo] recording 2 is damaged.");
  CHECK(same(epoch_of(resident), epoch_of(EventDataset(damaged, options))));
}

TEST_CASE("resident events refuse what they cannot keep") {
  const auto source = example_recordings(3);
  const ToFrame framing{.time_window = 1000};
  CHECK_ERROR(ResidentEvents(nullptr, {.framing = framing}), invalid,
              "[event_dataset] there must be recordings; got null.");
  CHECK_ERROR(ResidentEvents(source, {.framing = PlainWindows{}}), invalid,
              "[resident_events] demo: the framing must be a ToFrame; got "
              "PlainWindows(window=1000).");
  CHECK_ERROR(ResidentEvents(source, {.framing = framing, .transform = DropHalf{}}), invalid,
              "[resident_events] demo: DropHalf() draws random numbers");
  const ResidentEvents resident(source, {.framing = framing});
  EventBatch batch;
  CHECK_ERROR(resident.fetch(std::vector<std::int64_t>{3}, {}, batch), invalid,
              "[demo] recording 3 is out of range; there are 3.");
  CHECK_ERROR(resident.fetch({}, {}, batch), invalid, "[demo] a batch must have recordings.");
  CHECK_ERROR((resident.gather(zeros({1}), 1, batch), 0), invalid,
              "[demo] a batch needs samples, i64 [B], and steps >= 1; got f32 (1,) and 1.");
  const ResidentEvents part(source,
                            {.framing = framing, .max_steps = 9, .part = Slice::of(9, 1, 3)});
  CHECK_ERROR((part.gather(from_vector<std::int64_t>({0}, {1}), 9, batch), 0), invalid,
              "[demo] the part that is kept has 3 steps; got 9.");
  if (!is_available(cuda_device))
    CHECK_ERROR(ResidentEvents(source, {.framing = framing}, cuda_device), ErrorCode::device,
                "cuda");
}

}  // namespace ranvier::test
