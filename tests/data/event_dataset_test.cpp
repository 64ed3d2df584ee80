#include "ranvier/data/event_dataset.h"

#include "ranvier/core/allocator.h"
#include "ranvier/data/loader.h"
#include "ranvier/data/transforms/crop.h"
#include "ranvier/data/transforms/downsample.h"
#include "ranvier/data/transforms/to_frame.h"
#include "tests/data/event_examples.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

using Samples = std::vector<std::int64_t>;
constexpr ErrorCode invalid = ErrorCode::invalid_argument;

EventDataset example_set(std::int64_t count,
                         EventDatasetOptions options = {.framing = PlainWindows{}}) {
  return EventDataset(example_recordings(count), std::move(options));
}

/// Everything a loader delivers, epoch after epoch.
std::vector<Tensor> read_all(const EventDataset& set, const LoaderOptions& options,
                             LoaderCursor from = {}) {
  DataLoader loader(set, options);
  std::vector<Tensor> all;
  for (LoaderCursor at = from; at.epoch < 2; at = {.epoch = at.epoch + 1})
    for (const EventBatch& batch : loader.epoch(at))
      for (const Tensor* part : {&batch.frames, &batch.labels, &batch.lengths})
        all.push_back(clone(*part));
  return all;
}

bool same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_bits);
}

/// One recording of events that are not what they should be.
class OwnRecordings final : public Recordings {
 public:
  explicit OwnRecordings(Events events) : events_(std::move(events)) {}
  const std::string& name() const override { return name_; }
  std::int64_t size() const override { return 1; }
  const Sensor& sensor() const override { return sensor_; }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int64_t label(std::int64_t) const override { return 0; }
  void read(std::int64_t, Events& events) const override { events = events_; }
  std::string identity() const override { return name_; }

 private:
  Events events_;
  std::string name_ = "own";
  Sensor sensor_{.width = 8, .height = 4};
  std::vector<std::string> classes_{"class"};
};

/// A transform that forgets that a sensor ends.
struct MoveRight {
  static constexpr bool random = false;
  Sensor sensor_after(const Sensor& sensor) const { return sensor; }
  void operator()(Events& events, const Sensor&, RandomStream&) const {
    for (std::int16_t& x : events.x) ++x;
  }
  std::string describe() const { return "MoveRight()"; }
};

}  // namespace

TEST_CASE("recordings and transforms of a program's own are not trusted with memory") {
  const auto fetch = [](const Events& events, EventTransform transform = {}) {
    const EventDataset set(
        std::make_shared<OwnRecordings>(events),
        {.framing = ToFrame{.time_window = 10}, .transform = std::move(transform)});
    EventBatch batch;
    set.fetch(Samples{0}, {}, batch);
    return batch.frames.shape();
  };
  Events events;
  events.push_back(5, 7, 3, 1);
  CHECK(fetch(events) == Shape{1, 1, 4, 8, 1});
  CHECK_ERROR(fetch(events, MoveRight{}), invalid,
              "[own] recording 0 after MoveRight(): event 0 is at (8, 3), of polarity 1, outside "
              "the sensor of 8x4x1.");
  CHECK_ERROR(to_tensor(ToFrame{.time_window = 10}, events, {.width = 7, .height = 4}), invalid,
              "[to_tensor] event 0 is at (7, 3)");
  Events outside = events;
  outside.push_back(6, 2, 30000, 1);
  CHECK_ERROR(fetch(outside), invalid, "[own] recording 0: event 1 is at (2, 30000)");
  CHECK_ERROR(fetch(outside, Downsample{.spatial_factor = 0.5}), invalid, "[own] recording 0:");
  Events late = events;
  late.push_back(4, 2, 2, 1);
  CHECK_ERROR(fetch(late), invalid, "time runs backwards at event 1, from 5 to 4 us.");
  Events uneven = events;
  uneven.p.clear();
  CHECK_ERROR(fetch(uneven), invalid, "its columns t, x, y, p have 1, 1, 1 and 0 numbers.");
}

TEST_CASE("a batch of events is as long as its longest recording, and zero after the others") {
  const auto recordings = example_recordings(8);
  const Framing framing = PlainWindows{};
  const EventDataset set(recordings, {.framing = framing});
  EventBatch batch;
  const Samples samples{2, 0, 5, 7};
  set.fetch(samples, {}, batch);

  std::int64_t longest = 0;
  for (std::size_t b = 0; b < samples.size(); ++b) {
    Events events;
    recordings->read(samples[b], events);
    const Tensor alone = to_tensor(framing, events, recordings->sensor());
    const std::int64_t steps = alone.size(0);
    CHECK(batch.lengths.data<std::int64_t>()[b] == steps);
    CHECK(batch.labels.data<std::int64_t>()[b] == samples[b] % 5);
    longest = std::max(longest, steps);
    for (std::int64_t t = 0; t < batch.frames.size(0); ++t)
      for (std::int64_t x = 0; x < 20; ++x) {
        const float value =
            batch.frames.data<float>()[(t * 4 + static_cast<std::int64_t>(b)) * 20 + x];
        REQUIRE(value == (t < steps ? alone.data<float>()[t * 20 + x] : 0.0f));
      }
  }
  CHECK(batch.frames.shape() == Shape{longest, 4, 20});
  CHECK(batch.lengths.data<std::int64_t>()[1] == 1);  // without events
  CHECK(batch.size() == 4);
}

TEST_CASE("a recording is transformed before it is framed") {
  const EventDataset set =
      example_set(5, {.framing = PlainWindows{}, .transform = JoinChannels{.group = 10}});
  CHECK(set.frame() == Shape{2});
  EventBatch batch;
  set.fetch(Samples{1, 3}, {}, batch);
  double events = 0;
  for (const double count : to_vector(batch.frames)) events += count;
  CHECK(events == 37 + 11);
}

TEST_CASE("frames of events that are looked up are those of events that were changed") {
  const EventTransform transform = Downsample{.spatial_factor = 0.5} | CropTime{.max = 40'000};
  for (const Sensor& sensor :
       {Sensor{.width = 20}, Sensor{20, 6, 2}, Sensor{.width = 9, .height = 5}})
    for (const ToFrame& framing :
         {ToFrame{.time_window = 1000, .include_incomplete = true}, ToFrame{.time_window = 1000},
          ToFrame{.time_window = 700, .overlap = 300}, ToFrame{.time_window = 3000, .start = 9000},
          ToFrame{.time_window = 3000, .start = -9000, .fixed_steps = 7}, ToFrame{.n_time_bins = 7},
          ToFrame{.event_count = 9}, ToFrame{.n_event_bins = 4, .overlap = 0.5}}) {
      const auto in_memory = example_recordings(12, sensor);
      const auto to_read = std::make_shared<DamagedRecordings>(in_memory, std::set<std::int64_t>{});
      for (const std::shared_ptr<const Recordings>& recordings :
           {std::shared_ptr<const Recordings>(in_memory),
            std::shared_ptr<const Recordings>(to_read)}) {
        const EventDataset set(recordings, {.framing = framing, .transform = transform});
        for (std::int64_t i = 0; i < set.size(); ++i) {
          INFO(framing.describe() << " of recording " << i << ", " << to_string(sensor));
          EventBatch batch;
          set.fetch(Samples{i}, {}, batch);
          Events events;
          recordings->read(i, events);
          events = transformed(transform, std::move(events), sensor);
          const Tensor expected = to_tensor(framing, events, set.sensor());
          CHECK(to_vector(batch.lengths) ==
                std::vector<double>{static_cast<double>(expected.size(0))});
          CHECK(to_vector(batch.frames) == to_vector(expected));
        }
      }
    }
}

TEST_CASE("max_steps cuts long recordings and leaves short ones alone") {
  const EventDataset whole = example_set(8);
  const EventDataset cut = example_set(8, {.framing = PlainWindows{}, .max_steps = 7});
  EventBatch a, b;
  whole.fetch(Samples{2, 0, 5}, {}, a);
  cut.fetch(Samples{2, 0, 5}, {}, b);
  CHECK(a.frames.size(0) > 7);
  CHECK(b.frames.shape() == Shape{7, 3, 20});
  CHECK(to_vector(b.lengths) == std::vector<double>{7, 1, 7});
  CHECK(std::equal(b.frames.data<float>(), b.frames.data<float>() + b.frames.numel(),
                   a.frames.data<float>()));
}

TEST_CASE("event batches are the same with 0, 1 and 8 workers, random transforms included") {
  const EventDataset set = example_set(61, {.framing = PlainWindows{}, .transform = DropHalf{}});
  const auto with_workers = [&](int workers) {
    return read_all(set, {.batch_size = 4, .shuffle = true, .seed = 3, .workers = workers});
  };
  const std::vector<Tensor> expected = with_workers(0);
  CHECK(expected.size() == 2 * 16 * 3);
  CHECK(same(with_workers(1), expected));
  CHECK(same(with_workers(8), expected));
}

TEST_CASE("a random transform gives a recording another variation in every epoch") {
  const EventDataset set = example_set(5, {.framing = PlainWindows{}, .transform = DropHalf{}});
  EventBatch a, b;
  set.fetch(Samples{2}, {.seed = 1, .epoch = 0}, a);
  set.fetch(Samples{2}, {.seed = 1, .epoch = 0}, b);
  CHECK(same_bits(a.frames, b.frames));
  set.fetch(Samples{2}, {.seed = 1, .epoch = 1}, b);
  CHECK_FALSE(same_bits(a.frames, b.frames));
}

TEST_CASE("an epoch of events that is resumed continues as if it had not been left") {
  const EventDataset set = example_set(30, {.framing = PlainWindows{}, .transform = DropHalf{}});
  const LoaderOptions options{.batch_size = 4, .shuffle = true, .workers = 2};
  const std::vector<Tensor> whole = read_all(set, options);
  const std::vector<Tensor> rest = read_all(set, options, {.epoch = 0, .batch = 5});
  CHECK(same(rest, std::vector<Tensor>(whole.begin() + 5 * 3, whole.end())));
}

TEST_CASE("a warm loop over events takes no memory from the system") {
  const EventDataset set = example_set(64);
  EventBatch batch;
  const auto epoch = [&] {
    for (std::int64_t first = 0; first < 64; first += 8)
      set.fetch(Samples{first, first + 1, first + 2, first + 3, first + 4, first + 5}, {}, batch);
  };
  epoch();
  const float* memory = batch.frames.data<float>();
  const std::int64_t requests = cpu_allocator().stats().requests;
  epoch();
  CHECK(cpu_allocator().stats().requests == requests);
  CHECK(batch.frames.data<float>() == memory);
}

TEST_CASE("recordings that cannot be read are errors, or skipped, counted and reported") {
  const auto whole = example_recordings(12);
  const auto damaged = std::make_shared<DamagedRecordings>(whole, std::set<std::int64_t>{3, 7, 8});
  EventBatch batch;
  const EventDataset strict(damaged, {.framing = PlainWindows{}});
  CHECK_ERROR(strict.fetch(Samples{1, 7}, {}, batch), ErrorCode::format,
              "[demo] recording 7 is damaged.");
  CHECK(strict.skipped().count == 0);

  const EventDataset set(damaged, {.framing = PlainWindows{}, .skip_bad = true});
  CHECK(set.skipped().first_error.empty());
  const EventDataset copy = set;
  for (const int workers : {0, 3})
    read_all(copy, {.batch_size = 2, .shuffle = true, .workers = workers});
  CHECK(set.skipped().count == 3);
  CHECK(set.skipped().first_error == "[demo] recording 3 is damaged.");

  set.fetch(Samples{3, 1}, {}, batch);
  CHECK(batch.lengths.data<std::int64_t>()[0] == 1);
  CHECK(batch.labels.data<std::int64_t>()[0] == 3);
  for (std::int64_t t = 0; t < batch.frames.size(0); ++t)
    for (std::int64_t x = 0; x < 20; ++x)
      REQUIRE(batch.frames.data<float>()[2 * t * 20 + x] == 0.0f);
  CHECK_ERROR(set.fetch(Samples{12}, {}, batch), invalid,
              "[demo] recording 12 is out of range; there are 12.");
}

TEST_CASE("a set of events that makes no sense is refused") {
  CHECK_ERROR(EventDataset(nullptr, {.framing = PlainWindows{}}), invalid,
              "[event_dataset] there must be recordings; got null.");
  CHECK_ERROR(example_set(0), invalid, "[demo] the data set has no recordings.");
  CHECK_ERROR(example_set(1, {.framing = PlainWindows{}, .max_steps = -1}), invalid,
              "[demo] max_steps must be >= 0; got -1.");
  for (const Slice& part : {Slice{0, 3, 7}, Slice{4, 4, 8}, Slice{-1, 3, 8}, Slice{3, 9, 8}})
    CHECK_ERROR(example_set(1, {.framing = PlainWindows{}, .max_steps = 8, .part = part}), invalid,
                "[demo] a part must be steps of max_steps, which is 8; got [");
  EventBatch batch;
  CHECK_ERROR(example_set(2).fetch(Samples{}, {}, batch), invalid,
              "[demo] a batch must have recordings.");
}

TEST_CASE("an array of events that the caller keeps is not overwritten") {
  const EventDataset set = example_set(8);
  EventBatch batch;
  set.fetch(Samples{5}, {}, batch);
  const Tensor kept = batch.frames;
  const Tensor copy = clone(kept);
  batch.release_shared();
  set.fetch(Samples{6}, {}, batch);
  CHECK(same_bits(kept, copy));
}

}  // namespace ranvier::test
