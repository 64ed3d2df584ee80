#include "ranvier/data/event_cache.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "ranvier/data/detail/cache_folder.h"
#include "ranvier/data/event_dataset.h"
#include "tests/data/event_examples.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::test {
namespace {

namespace fs = std::filesystem;
using Source = std::shared_ptr<const Recordings>;
constexpr ErrorCode invalid = ErrorCode::invalid_argument;

/// Counts how often the recordings behind it are read.
class CountingRecordings final : public Recordings {
 public:
  explicit CountingRecordings(Source whole, std::string version = "1")
      : whole_(std::move(whole)), version_(std::move(version)) {}
  const std::string& name() const override { return whole_->name(); }
  std::int64_t size() const override { return whole_->size(); }
  const Sensor& sensor() const override { return whole_->sensor(); }
  const std::vector<std::string>& classes() const override { return whole_->classes(); }
  std::int64_t label(std::int64_t index) const override { return whole_->label(index); }
  std::string identity() const override { return whole_->identity() + version_; }
  void read(std::int64_t index, Events& events) const override {
    ++reads;
    whole_->read(index, events);
  }

  mutable std::atomic<int> reads = 0;

 private:
  Source whole_;
  std::string version_;
};

std::vector<fs::path> caches_in(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

Events events_of(const Recordings& recordings, std::int64_t index) {
  Events events;
  recordings.read(index, events);
  return events;
}

bool same_recordings(const Recordings& a, const Recordings& b) {
  bool same = a.size() == b.size() && a.sensor() == b.sensor();
  for (std::int64_t i = 0; same && i < a.size(); ++i)
    same = events_of(a, i) == events_of(b, i) && a.label(i) == b.label(i);
  return same;
}

/// What a transform leaves, without a file.
std::shared_ptr<const MemoryRecordings> applied(const Recordings& source,
                                                const EventTransform& transform) {
  std::vector<Events> events;
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < source.size(); ++i) {
    events.push_back(events_of(source, i));
    RandomStream random({}, i);
    transform(events.back(), source.sensor(), random);
    labels.push_back(source.label(i));
  }
  return std::make_shared<MemoryRecordings>("applied", transform.sensor_after(source.sensor()),
                                            events, labels, source.classes());
}

/// Waits until a file of `folder` could have another time of use.
void wait_for_the_clock() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

}  // namespace

TEST_CASE("a cache holds what the transform leaves, for every kind of sensor") {
  const std::vector<Sensor> sensors{{.width = 20},
                                    {.width = 700},
                                    {.width = 34, .height = 34, .polarities = 2},
                                    {.width = 640, .height = 480, .polarities = 2},
                                    {.width = 300, .height = 7},
                                    {.width = 32768, .height = 32768, .polarities = 2}};
  for (const Sensor& sensor : sensors)
    for (const bool compress : {false, true}) {
      const TemporaryFolder folder;
      const auto source = example_recordings(20, sensor);
      const auto cache = cached(source, {}, {.folder = folder.path(), .compress = compress});
      CHECK(same_recordings(*cache, *source));
      CHECK(cache->name() == "demo");
      CHECK(cache->classes() == source->classes());
      CHECK(caches_in(folder.path()).size() == 1);
    }
  const TemporaryFolder folder;
  const auto source = example_recordings(20);
  const JoinChannels join{.group = 5};
  const auto cache = cached(source, join, {.folder = folder.path()});
  CHECK(same_recordings(*cache, *applied(*source, join)));
}

TEST_CASE("times may be anywhere and far apart") {
  std::vector<Events> recordings;
  for (const std::vector<std::int64_t>& times : {std::vector<std::int64_t>{-max_time, max_time},
                                                 {0, 255, 256},
                                                 {5, 65540, 70000},
                                                 {-7, -7, -7, 4294967288, 4294967288},
                                                 {0, 4294967296},
                                                 {max_time, max_time}})
    recordings.push_back(events_at(times));
  const std::vector<std::int64_t> labels(recordings.size(), 0);
  const auto source = std::make_shared<MemoryRecordings>("times", Sensor{}, recordings, labels,
                                                         std::vector<std::string>{"class"});
  const TemporaryFolder folder;
  CHECK(same_recordings(*cached(source, {}, {.folder = folder.path()}), *source));
}

TEST_CASE("a cache is built once and read from then on") {
  const TemporaryFolder folder;
  const auto source = std::make_shared<CountingRecordings>(example_recordings(9));
  std::vector<std::int64_t> steps;
  const CacheOptions options{.folder = folder / "new" / "folder",
                             .progress = [&](std::int64_t done, std::int64_t of) {
                               CHECK(of == 9);
                               steps.push_back(done);
                             }};
  const auto cache = cached(source, {}, options);
  CHECK(steps == std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9});
  const auto again = cached(source, {}, options);
  CHECK(source->reads == 9);
  CHECK(steps.size() == 9);
  CHECK(same_recordings(*cache, *again));
  CHECK(source->reads == 9);
}

TEST_CASE("another source, transform or compression makes another cache") {
  const TemporaryFolder folder;
  const auto source = example_recordings(6);
  const CacheOptions options{.folder = folder.path()};
  cached(source, {}, options);
  CHECK(caches_in(folder.path()).size() == 1);
  cached(std::make_shared<CountingRecordings>(source, "2"), {}, options);
  CHECK(caches_in(folder.path()).size() == 2);
  cached(source, JoinChannels{.group = 4}, options);
  const auto five = cached(source, JoinChannels{.group = 5}, options);
  CHECK(caches_in(folder.path()).size() == 4);
  cached(source, {}, {.folder = folder.path(), .compress = true});
  CHECK(caches_in(folder.path()).size() == 5);
  CHECK(same_recordings(*five, *applied(*source, JoinChannels{.group = 5})));
}

TEST_CASE("a cache with damage in any of its bytes is mended or built anew") {
  const auto source = example_recordings(4, {.width = 300, .polarities = 2});
  for (const bool compress : {false, true}) {
    const TemporaryFolder folder(memory_folder());
    const CacheOptions options{.folder = folder.path(), .compress = compress};
    cached(source, {}, options);
    const fs::path file = caches_in(folder.path()).at(0);
    const Bytes whole = file_bytes(file);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      Bytes damaged = whole;
      damaged[at] ^= static_cast<std::uint8_t>(1 + at % 255);
      write_file(file, damaged);
      INFO("byte " << at << " of " << whole.size());
      REQUIRE(same_recordings(*cached(source, {}, options), *source));
      REQUIRE(file_bytes(file) == whole);
    }
  }
}

TEST_CASE("a cache that was cut off or has something behind it is built anew") {
  const TemporaryFolder folder(memory_folder());
  const auto source = example_recordings(4);
  cached(source, {}, {.folder = folder.path()});
  const fs::path file = caches_in(folder.path()).at(0);
  const Bytes whole = file_bytes(file);
  for (std::size_t length = 0; length < whole.size(); length += 5) {
    write_file(file, std::span(whole).first(length));
    REQUIRE(same_recordings(*cached(source, {}, {.folder = folder.path()}), *source));
    REQUIRE(file_bytes(file) == whole);
  }
  Bytes longer = whole;
  longer.push_back(0);
  write_file(file, longer);
  CHECK(same_recordings(*cached(source, {}, {.folder = folder.path()}), *source));
  CHECK(file_bytes(file) == whole);
}

TEST_CASE("a cache of another format version is built anew") {
  const TemporaryFolder folder;
  const auto source = example_recordings(4);
  cached(source, {}, {.folder = folder.path()});
  const fs::path file = caches_in(folder.path()).at(0);
  const Bytes whole = file_bytes(file);
  Bytes old = whole;
  const std::string head(old.begin(), old.begin() + 24);
  REQUIRE(head == "Ranvier events, format 1");
  old[23] = '0';
  write_file(file, old);
  CHECK(same_recordings(*cached(source, {}, {.folder = folder.path()}), *source));
  CHECK(file_bytes(file) == whole);
}

TEST_CASE("a damaged recording is taken from the source where the cache cannot be mended") {
  const TemporaryFolder folder;
  const auto source = std::make_shared<CountingRecordings>(example_recordings(4));
  const auto cache = cached(source, {}, {.folder = folder.path()});
  const fs::path file = caches_in(folder.path()).at(0);
  // The file is cut under a reader: what is missing is written back.
  fs::resize_file(file, 40);
  CHECK(same_recordings(*cache, *example_recordings(4)));
  CHECK(source->reads > 4);
}

TEST_CASE("threads that want the same cache at once build it once") {
  const TemporaryFolder folder;
  const auto source = std::make_shared<CountingRecordings>(example_recordings(50));
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      const auto cache = cached(source, {}, {.folder = folder.path()});
      if (events_of(*cache, 7) == events_of(*example_recordings(8), 7)) ++right;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 4);
  CHECK(source->reads == 50);
  CHECK(caches_in(folder.path()).size() == 1);  // no lock, no temporary file
}

TEST_CASE("a builder that dies leaves nothing that hinders the next one") {
  const TemporaryFolder folder;
  const auto source = example_recordings(50);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    cached(source, {}, {.folder = folder.path(), .progress = [](std::int64_t done, std::int64_t) {
                          if (done == 20) _exit(0);  // without unwinding
                        }});
    _exit(1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WEXITSTATUS(status) == 0);
  CHECK(caches_in(folder.path()).size() == 2);  // half a file and its lock
  CHECK(same_recordings(*cached(source, {}, {.folder = folder.path()}), *source));
  CHECK(caches_in(folder.path()).size() == 1);
}

TEST_CASE("a builder in another process is waited for") {
  const TemporaryFolder folder;
  const auto source = std::make_shared<CountingRecordings>(example_recordings(50));
  int started[2];
  REQUIRE(pipe(started) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    cached(source, {}, {.folder = folder.path(), .progress = [&](std::int64_t done, std::int64_t) {
                          if (done == 1 && write(started[1], "x", 1) != 1) _exit(1);
                          std::this_thread::sleep_for(std::chrono::milliseconds(2));
                        }});
    _exit(0);
  }
  char byte = 0;
  REQUIRE(read(started[0], &byte, 1) == 1);
  const auto cache = cached(source, {}, {.folder = folder.path()});
  CHECK(source->reads == 0);  // by this process
  CHECK(same_recordings(*cache, *example_recordings(50)));
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
  close(started[0]);
  close(started[1]);
}

TEST_CASE("the folder of caches keeps to its limit, the least recently used going first") {
  const TemporaryFolder folder;
  const auto source = example_recordings(20);
  const auto cache = [&](std::int64_t group, std::int64_t max_bytes) {
    wait_for_the_clock();
    return cached(source, JoinChannels{.group = group},
                  {.folder = folder.path(), .max_bytes = max_bytes});
  };
  cache(1, 0);
  const fs::path first = caches_in(folder.path()).at(0);
  const auto bytes = static_cast<std::int64_t>(fs::file_size(first));
  const auto oldest = cache(2, 0);
  cache(4, 0);
  cache(1, 0);  // used again
  write_file(folder / "notes.txt", Bytes(1000, 'x'));
  write_file(folder / "dead-0123456789abcdef.rvevents.tmp", Bytes(1000, 'x'));
  CHECK(caches_in(folder.path()).size() == 5);

  cache(5, 3 * bytes + bytes / 2);
  CHECK(caches_in(folder.path()).size() == 4);  // three caches and the notes
  CHECK(fs::exists(first));
  CHECK(fs::exists(folder / "notes.txt"));
  CHECK(same_recordings(*oldest, *applied(*source, JoinChannels{.group = 2})));  // still open

  {
    const detail::NameLock opening(first);  // by another process, which has just built it
    cache(4, bytes + bytes / 2);
    CHECK(fs::exists(first));
  }
  cache(4, bytes + bytes / 2);
  CHECK(caches_in(folder.path()).size() == 2);
  CHECK_ERROR(cache(10, bytes / 2), invalid, "recordings of demo take ");
  CHECK(caches_in(folder.path()).size() == 2);
}

TEST_CASE("recordings that the source cannot read stay errors behind a cache") {
  const TemporaryFolder folder;
  const auto damaged =
      std::make_shared<DamagedRecordings>(example_recordings(10), std::set<std::int64_t>{2, 5});
  const auto cache = cached(damaged, {}, {.folder = folder.path()});
  CHECK_ERROR(events_of(*cache, 5), ErrorCode::format, "[demo] recording 5 is damaged.");
  CHECK(events_of(*cache, 4) == events_of(*damaged, 4));

  const EventDataset set(cache, {.framing = PlainWindows{}, .skip_bad = true});
  EventBatch batch;
  set.fetch(std::vector<std::int64_t>{1, 2, 3, 5}, {}, batch);
  CHECK(set.skipped().count == 2);
}

TEST_CASE("what a cache cannot be made of is refused") {
  const TemporaryFolder folder;
  const auto source = example_recordings(3);
  const CacheOptions options{.folder = folder.path()};
  CHECK_ERROR(cached(nullptr, {}, options), invalid, "[cache] there must be recordings; got null.");
  CHECK_ERROR(cached(source, {}, {}), invalid, "[cache] demo: a folder must be named.");
  CHECK_ERROR(cached(source, {}, {.folder = folder.path(), .max_bytes = -1}), invalid,
              "[cache] demo: max_bytes must be >= 0; got -1.");
  CHECK_ERROR(cached(source, JoinChannels{.group = 4} | EventTransform(DropHalf{}), options),
              invalid,
              "[cache] demo: JoinChannels(group=4) | DropHalf() draws random numbers, which a "
              "cache would freeze; put it behind the cache");
  write_file(folder / "file", {});
  CHECK_ERROR(cached(source, {}, {.folder = folder / "file" / "folder"}), ErrorCode::io,
              "[cache] cannot make the folder ");
  CHECK(caches_in(folder.path()).size() == 1);
}

}  // namespace ranvier::test
