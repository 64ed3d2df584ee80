#include "ranvier/data/generate/randman.h"

#include <limits>

#include "ranvier/core/parallel.h"
#include "ranvier/data/event_sets/spoken.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/threads.h"

namespace ranvier::test {
namespace {

constexpr RandmanOptions small{.classes = 4, .channels = 20, .train = 402, .test = 101, .seed = 3};

/// Times by channel of every sample.
std::vector<std::vector<double>> times_by_channel(const Recordings& recordings) {
  std::vector<std::vector<double>> result;
  Events events;
  for (std::int64_t i = 0; i < recordings.size(); ++i) {
    recordings.read(i, events);
    std::vector<double> times(static_cast<std::size_t>(recordings.sensor().width), -1);
    for (std::size_t k = 0; k < events.t.size(); ++k)
      times[static_cast<std::size_t>(events.x[k])] = static_cast<double>(events.t[k]);
    result.push_back(times);
  }
  return result;
}

double squared_distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

/// Share of the test samples whose nearest training sample is of their class.
double nearest_neighbour_accuracy(const RandmanOptions& options) {
  const TemporaryFolder folder;
  write_randman(folder.path(), options);
  const auto train = load_spike_files("randman", {.directory = folder.path()});
  const auto test = load_spike_files("randman", {.split = Split::test, .directory = folder.path()});
  const auto known = times_by_channel(*train), asked = times_by_channel(*test);
  int right = 0;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    double nearest = std::numeric_limits<double>::max();
    std::int64_t guess = -1;
    for (std::size_t k = 0; k < known.size(); ++k)
      if (const double d = squared_distance(asked[i], known[k]); d < nearest) {
        nearest = d;
        guess = train->label(static_cast<std::int64_t>(k));
      }
    right += guess == test->label(static_cast<std::int64_t>(i)) ? 1 : 0;
  }
  return static_cast<double>(right) / static_cast<double>(asked.size());
}

}  // namespace

TEST_CASE("random manifolds: every channel spikes once, classes are balanced, ranges are used") {
  const TemporaryFolder folder;
  write_randman(folder / "made" / "here", small);
  for (const Split split : {Split::train, Split::test}) {
    const auto set = load_spike_files("randman", {split, folder / "made" / "here"});
    CHECK(set->sensor() == Sensor{.width = 20});
    CHECK(set->size() == (split == Split::train ? 402 : 101));
    CHECK(set->classes() == std::vector<std::string>{"0", "1", "2", "3"});
    std::vector<int> counts(4);
    for (std::int64_t i = 0; i < set->size(); ++i)
      ++counts[static_cast<std::size_t>(set->label(i))];
    CHECK(*std::max_element(counts.begin(), counts.end()) -
              *std::min_element(counts.begin(), counts.end()) <=
          1);
    double least = 1e9, most = -1e9;
    Events events;
    for (std::int64_t i = 0; i < set->size(); ++i) {
      set->read(i, events);
      REQUIRE(events.size() == 20);
      CHECK(in_time_order(events));
      least = std::min(least, static_cast<double>(events.t.front()));
      most = std::max(most, static_cast<double>(events.t.back()));
    }
    CHECK((least >= 0 && most <= 100'000));
    if (split == Split::train) CHECK((least == 0 && most == 100'000));
    for (const auto& times : times_by_channel(*set))
      REQUIRE(*std::min_element(times.begin(), times.end()) >= 0);
  }
}

TEST_CASE("random manifolds are a function of their options, whatever the number of threads") {
  const TemporaryFolder folder;
  write_randman(folder / "a", small);
  {
    const Threads threads(num_threads() == 1 ? 3 : 1);
    write_randman(folder / "b", small);
  }
  RandmanOptions other = small;
  other.seed = 4;
  write_randman(folder / "c", other);
  for (const char* file : {"train.h5", "test.h5"}) {
    CHECK(file_bytes(folder / "a" / file) == file_bytes(folder / "b" / file));
    CHECK(file_bytes(folder / "a" / file) != file_bytes(folder / "c" / file));
  }
}

TEST_CASE("random manifolds can be told apart by the times of their spikes") {
  CHECK(nearest_neighbour_accuracy({.train = 1000, .test = 200}) > 0.98);
  CHECK(nearest_neighbour_accuracy(
            {.dimension = 2, .smoothness = 1.5, .train = 1000, .test = 200}) > 0.95);
}

TEST_CASE("random manifolds refuse options that make no sense") {
  const TemporaryFolder folder;
  const auto refuses = [&](const RandmanOptions& options, const std::string& text) {
    CHECK_ERROR(write_randman(folder.path(), options), ErrorCode::invalid_argument, text);
  };
  refuses({.classes = 0}, "[randman] classes must be in [1, 1000]; got 0.");
  refuses({.channels = 40000}, "channels must be in [1, 32768]; got 40000.");
  refuses({.dimension = 0}, "dimension must be in [1, 16]; got 0.");
  refuses({.smoothness = std::numeric_limits<double>::quiet_NaN()}, "smoothness must be in");
  refuses({.duration = 0}, "duration (us) must be in");
  refuses({.train = 9}, "train must be in [10, 10000000]; got 9.");
  write_file(folder / "file", Bytes{});
  CHECK_ERROR(write_randman(folder / "file" / "x", small), ErrorCode::io,
              "[randman] cannot make the folder");
}

}  // namespace ranvier::test
