#include "ranvier/data/loader.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "ranvier/core/allocator.h"
#include "ranvier/data/image_dataset.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace ranvier::test {
namespace {

using Samples = std::vector<std::int64_t>;
constexpr ErrorCode invalid = ErrorCode::invalid_argument;

/// `count` images of 4 x 4 that all differ; a sample's label is its index modulo 10.
ImageDataset images(std::int64_t count) {
  Tensor pixels = empty({count, 4, 4, 1}, {.dtype = DType::u8});
  Tensor labels = empty({count}, {.dtype = DType::i64});
  for (std::int64_t i = 0; i < pixels.numel(); ++i)
    pixels.mutable_data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i * 7 + i / 16);
  for (std::int64_t i = 0; i < count; ++i) labels.mutable_data<std::int64_t>()[i] = i % 10;
  return ImageDataset("demo", pixels, labels, std::vector<std::string>(10, "class"));
}

/// Batches are lists of sample numbers; making one can be slow, fail, or be counted.
struct Numbers {
  struct Batch {
    Samples samples;
    std::int64_t epoch = 0;
    int nice = 0;
    void release_shared() {}
  };

  std::int64_t count = 10;
  std::int64_t failing_sample = -1;
  bool slow = false;
  mutable std::atomic<int> made = 0;

  std::int64_t size() const { return count; }
  void fetch(std::span<const std::int64_t> samples, const Draw& draw, Batch& batch) const {
    ++made;
    // Batches take different times, so that workers overtake each other.
    if (slow) std::this_thread::sleep_for(std::chrono::microseconds(samples[0] * 37 % 500));
    if (std::find(samples.begin(), samples.end(), failing_sample) != samples.end())
      fail(ErrorCode::format, "[numbers] sample {} is damaged.", failing_sample);
    batch.samples.assign(samples.begin(), samples.end());
    batch.epoch = draw.epoch;
    batch.nice = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
  }
};

std::vector<Samples> read(DataLoader<Numbers>& loader, LoaderCursor cursor) {
  std::vector<Samples> batches;
  for (const Numbers::Batch& batch : loader.epoch(cursor)) {
    CHECK(batch.epoch == cursor.epoch);
    batches.push_back(batch.samples);
  }
  return batches;
}

std::vector<Samples> read(const Numbers& set, const LoaderOptions& options,
                          LoaderCursor cursor = {}) {
  DataLoader loader(set, options);
  return read(loader, cursor);
}

Samples flat(const std::vector<Samples>& batches) {
  Samples all;
  for (const Samples& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

}  // namespace

TEST_CASE("without shuffling batches follow the data set, the last one smaller") {
  CHECK(read(Numbers{}, {.batch_size = 4}) ==
        std::vector<Samples>{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}});
  CHECK(read(Numbers{}, {.batch_size = 4, .drop_last = true}) ==
        std::vector<Samples>{{0, 1, 2, 3}, {4, 5, 6, 7}});
  CHECK(read(Numbers{}, {.batch_size = 5}).size() == 2);
  CHECK(read(Numbers{}, {.batch_size = 20}) ==
        std::vector<Samples>{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}});
}

TEST_CASE("a shuffled epoch holds every sample once") {
  Samples all = flat(read(Numbers{.count = 1000}, {.batch_size = 7, .shuffle = true}));
  Samples expected(1000);
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(all != expected);
  std::sort(all.begin(), all.end());
  CHECK(all == expected);
}

TEST_CASE("the order of an epoch is the same with 0, 1 and 8 workers") {
  const Numbers set{.count = 500, .slow = true};
  const auto with_workers = [&](int workers) {
    return read(set, {.batch_size = 3, .shuffle = true, .seed = 5, .workers = workers},
                {.epoch = 2});
  };
  const std::vector<Samples> expected = with_workers(0);
  CHECK(with_workers(1) == expected);
  CHECK(with_workers(8) == expected);
}

TEST_CASE("images and their variations are the same with 0, 1 and 8 workers") {
  const ImageDataset set = images(101).augmented({.shift = 1, .flip = true});
  const auto with_workers = [&](int workers) {
    DataLoader loader(set, {.batch_size = 8, .shuffle = true, .workers = workers});
    std::vector<std::vector<double>> batches;
    for (std::int64_t epoch = 0; epoch < 2; ++epoch)
      for (const ImageBatch& batch : loader.epoch({.epoch = epoch})) {
        batches.push_back(to_vector(batch.images));
        batches.push_back(to_vector(batch.labels));
      }
    return batches;
  };
  const std::vector<std::vector<double>> expected = with_workers(0);
  CHECK(expected.size() == 2 * 2 * 13);
  CHECK(with_workers(1) == expected);
  CHECK(with_workers(8) == expected);
}

TEST_CASE("the order depends on seed and epoch alone") {
  const Numbers set{.count = 200};
  const auto order = [&](std::uint64_t seed, std::int64_t epoch) {
    return read(set, {.batch_size = 10, .shuffle = true, .seed = seed}, {.epoch = epoch});
  };
  CHECK(order(1, 3) == order(1, 3));
  CHECK(order(1, 3) != order(1, 4));
  CHECK(order(1, 3) != order(2, 3));

  DataLoader loader(set, {.batch_size = 10, .shuffle = true, .seed = 1, .workers = 2});
  static_cast<void>(read(loader, {.epoch = 4}));
  CHECK(read(loader, {.epoch = 3}) == order(1, 3));
}

TEST_CASE("the parts of a batch make up the batch, and a small one leaves parts empty") {
  const Numbers numbers{.count = 17};
  DataLoader<Numbers> whole(numbers, {.batch_size = 5, .shuffle = true, .seed = 3});
  const std::vector<Samples> expected = read(whole, {});
  std::vector<Samples> together(expected.size());
  for (int index = 0; index < 3; ++index) {
    DataLoader<Numbers> part(
        numbers, {.batch_size = 5, .shuffle = true, .seed = 3, .workers = 1, .part = {index, 3}});
    CHECK(part.batches() == whole.batches());
    std::size_t batch = 0;
    for (const Numbers::Batch& made : part.epoch({})) {
      CHECK(made.samples.size() == (batch == 3 ? (index < 2 ? 1u : 0u) : index < 2 ? 2u : 1u));
      together[batch].insert(together[batch].end(), made.samples.begin(), made.samples.end());
      ++batch;
    }
  }
  CHECK(together == expected);
}

TEST_CASE("a part has its share of every round in which a batch is computed") {
  const Numbers numbers{.count = 31};
  const LoaderOptions options{.batch_size = 12, .shuffle = true, .drop_last = true, .seed = 3};
  DataLoader<Numbers> whole(numbers, options);
  const std::vector<Samples> expected = read(whole, {.epoch = 2});
  REQUIRE(expected.size() == 2);
  for (int index = 0; index < 2; ++index) {
    LoaderOptions own = options;
    own.part = {.index = index, .count = 2, .rounds = 3};
    DataLoader<Numbers> part(numbers, own);
    const std::vector<Samples> made = read(part, {.epoch = 2});
    REQUIRE(made.size() == 2);
    for (std::size_t batch = 0; batch < 2; ++batch) {
      Samples shares;  // a round has 4 samples, and each part 2 of them
      for (std::size_t round = 0; round < 3; ++round)
        for (std::size_t i = 0; i < 2; ++i)
          shares.push_back(expected[batch][4 * round + 2 * static_cast<std::size_t>(index) + i]);
      CHECK(made[batch] == shares);
    }
  }
}

TEST_CASE("every place is equally likely for every sample") {
  const Numbers set{.count = 6};
  DataLoader loader(set, {.batch_size = 6, .shuffle = true, .seed = 9});
  std::vector<std::vector<int>> seen(6, std::vector<int>(6));
  constexpr int epochs = 6000;
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    const Samples order = read(loader, {.epoch = epoch}).at(0);
    for (std::size_t place = 0; place < 6; ++place)
      ++seen[place][static_cast<std::size_t>(order[place])];
  }
  // 1000 expected each, with a standard deviation of 29.
  for (const std::vector<int>& counts : seen)
    for (const int count : counts) CHECK(std::abs(count - epochs / 6) < 150);
}

TEST_CASE("an epoch that is resumed continues as if it had not been left") {
  const Numbers set{.count = 100};
  for (const int workers : {0, 3}) {
    const LoaderOptions options{.batch_size = 8, .shuffle = true, .workers = workers};
    const std::vector<Samples> whole = read(set, options, {.epoch = 1});
    for (std::int64_t batch = 0; batch <= 13; ++batch) {
      const std::vector<Samples> rest = read(set, options, {.epoch = 1, .batch = batch});
      CHECK(rest == std::vector<Samples>(whole.begin() + batch, whole.end()));
    }
  }
}

TEST_CASE("the cursor names the batch that comes next") {
  const Numbers set;
  DataLoader loader(set, {.batch_size = 4, .workers = 1});
  auto epoch = loader.epoch({.epoch = 7, .batch = 1});
  CHECK(epoch.cursor() == LoaderCursor{.epoch = 7, .batch = 1});
  CHECK(epoch.next() != nullptr);
  CHECK(epoch.cursor() == LoaderCursor{.epoch = 7, .batch = 2});
  CHECK(epoch.next() != nullptr);
  CHECK(epoch.next() == nullptr);
  CHECK(epoch.next() == nullptr);
  CHECK(epoch.cursor() == LoaderCursor{.epoch = 7, .batch = 3});
}

TEST_CASE("a consumer may leave early and begin again") {
  const Numbers set{.count = 1000, .slow = true};
  DataLoader loader(set, {.batch_size = 2, .shuffle = true, .workers = 4});
  for (int times = 0; times < 20; ++times) {
    auto epoch = loader.epoch({.epoch = times});
    for (int i = 0; i < times; ++i) CHECK(epoch.next() != nullptr);
  }
  CHECK(read(loader, {.epoch = 5}) ==
        read(Numbers{.count = 1000}, {.batch_size = 2, .shuffle = true}, {.epoch = 5}));
}

TEST_CASE("a loader can be destroyed without having been used") {
  const Numbers set;
  DataLoader loader(set, {.batch_size = 2, .workers = 4});
  CHECK(loader.batches() == 5);
}

TEST_CASE("workers make no more batches ahead than they may") {
  const Numbers set{.count = 100};
  DataLoader loader(set, {.batch_size = 1, .workers = 4, .prefetch = 3});
  auto epoch = loader.epoch({});
  CHECK(epoch.next() != nullptr);
  // The one that is held and three more, however long low priority keeps workers from running.
  for (int waits = 0; waits < 5000 && set.made < 4; ++waits)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(set.made == 4);
}

TEST_CASE("workers run at a lower priority than their caller, who makes batches at its own") {
  const int own = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
  const Numbers set;
  DataLoader workers(set, {.batch_size = 10, .workers = 1});
  for (const Numbers::Batch& batch : workers.epoch({})) CHECK(batch.nice > own);
  DataLoader caller(set, {.batch_size = 10});
  for (const Numbers::Batch& batch : caller.epoch({})) CHECK(batch.nice == own);
}

TEST_CASE("an error of a worker reaches the consumer at its batch, with its place") {
  for (const int workers : {0, 1, 4}) {
    const Numbers set{.count = 20, .failing_sample = 9};
    DataLoader loader(set, {.batch_size = 4, .workers = workers});
    auto epoch = loader.epoch({.epoch = 6});
    CHECK(epoch.next()->samples[0] == 0);
    CHECK(epoch.next()->samples[0] == 4);
    CHECK_ERROR(epoch.next(), ErrorCode::format,
                "[loader] batch 2 of epoch 6: [numbers] sample 9 is damaged.");
    CHECK(epoch.next()->samples[0] == 12);
    CHECK(epoch.next()->samples[0] == 16);
    CHECK(epoch.next() == nullptr);
  }
}

namespace {
template <class Exception>
struct Throws {
  using Batch = Numbers::Batch;
  std::int64_t size() const { return 1; }
  void fetch(std::span<const std::int64_t>, const Draw&, Batch&) const {
    throw Exception("the disk is on fire");
  }
};
}  // namespace

TEST_CASE("foreign exceptions become errors, and bugs stay bugs") {
  for (const int workers : {0, 1}) {
    const Throws<std::runtime_error> foreign;
    DataLoader loader(foreign, {.batch_size = 1, .workers = workers});
    CHECK_ERROR(loader.epoch({}).next(), ErrorCode::state,
                "[loader] batch 0 of epoch 0: the disk is on fire");
    const Throws<InternalError> bug;
    DataLoader buggy(bug, {.batch_size = 1, .workers = workers});
    CHECK_THROWS_AS(buggy.epoch({}).next(), InternalError);
  }
}

TEST_CASE("a warm loop takes no memory from the system and no new blocks") {
  const ImageDataset set = images(50).augmented({.shift = 1});
  for (const int workers : {0, 2}) {
    DataLoader loader(set, {.batch_size = 8, .shuffle = true, .workers = workers});
    const auto run = [&](std::int64_t epoch) {
      for (const ImageBatch& batch : loader.epoch({.epoch = epoch})) CHECK(batch.size() > 0);
    };
    run(0);
    run(1);  // by now a whole batch has been in every slot
    const MemoryStats warm = cpu_allocator().stats();
    for (std::int64_t epoch = 2; epoch < 6; ++epoch) run(epoch);
    CHECK(cpu_allocator().stats().requests == warm.requests);
  }
}

TEST_CASE("a batch that its consumer keeps is not overwritten") {
  const ImageDataset set = images(40);
  for (const int workers : {0, 2}) {
    DataLoader loader(set, {.batch_size = 4, .workers = workers, .prefetch = 1});
    std::vector<Tensor> kept;
    std::vector<std::vector<double>> seen;
    for (const ImageBatch& batch : loader.epoch({})) {
      kept.push_back(batch.images);
      seen.push_back(to_vector(batch.images));
    }
    for (std::size_t i = 0; i < kept.size(); ++i) CHECK(to_vector(kept[i]) == seen[i]);
  }
}

TEST_CASE("what a data set draws from the default generator is its batch's, whoever makes it") {
  struct Drawn {
    struct Batch {
      Tensor x;
      void release_shared() { ranvier::release_shared({&x}); }
    };
    std::int64_t size() const { return 40; }
    void fetch(std::span<const std::int64_t> samples, const Draw&, Batch& batch) const {
      batch.x = uniform({static_cast<std::int64_t>(samples.size())}, 0, 1);
    }
  };
  const Drawn set;
  const auto drawn = [&set](int workers) {
    DataLoader loader(set, {.batch_size = 4, .seed = 5, .workers = workers});
    std::vector<std::vector<double>> batches;
    for (std::int64_t epoch = 0; epoch < 2; ++epoch)
      for (const Drawn::Batch& batch : loader.epoch({.epoch = epoch}))
        batches.push_back(to_vector(batch.x));
    return batches;
  };
  seed(1);
  const auto alone = drawn(0);
  CHECK(default_generator().next_block == 0);
  CHECK(drawn(3) == alone);
  CHECK(std::set(alone.begin(), alone.end()).size() == 20);
}

template <class Loader>
concept GivesEpochs = requires(Loader loader) {
  std::forward<Loader>(loader).epoch({});
};
static_assert(GivesEpochs<DataLoader<Numbers>&>);
static_assert(!GivesEpochs<DataLoader<Numbers>>, "the epoch would outlive its loader");

TEST_CASE("loader options and cursors that make no sense are refused") {
  const Numbers set;
  const auto make = [&](const LoaderOptions& options) { DataLoader loader(set, options); };
  CHECK_ERROR(make({.batch_size = 0}), invalid, "[loader] batch_size must be >= 1; got 0.");
  CHECK_ERROR(make({.batch_size = 1, .workers = -1}), invalid,
              "[loader] workers must be >= 0; got -1.");
  CHECK_ERROR(make({.batch_size = 1, .prefetch = 0}), invalid,
              "[loader] prefetch must be >= 1; got 0.");
  CHECK_ERROR(make({.batch_size = 11, .drop_last = true}), invalid,
              "[loader] drop_last leaves no batch: the data set has 10 samples and batch_size is "
              "11.");
  CHECK_ERROR(make({.batch_size = 1, .part = {2, 2}}), invalid,
              "[loader] a batch has no part 2 of 2; parts count from 0.");
  CHECK_ERROR(make({.batch_size = 10, .drop_last = true, .part = {0, 2, 3}}), invalid,
              "[loader] 3 rounds times 2 parts must divide batches of 10, and drop_last be set.");
  const Numbers none{.count = 0};
  CHECK_ERROR(DataLoader(none, {.batch_size = 1}), invalid, "[loader] the data set is empty.");

  DataLoader loader(set, {.batch_size = 4});
  CHECK_ERROR(loader.epoch({.epoch = -1}), invalid, "[loader] the epoch must be >= 0; got -1.");
  CHECK_ERROR(loader.epoch({.batch = 4}), invalid,
              "[loader] an epoch has batches 0 to 2; it cannot begin at batch 4.");
  const auto epoch = loader.epoch({});
  CHECK_ERROR(loader.epoch({}), ErrorCode::state,
              "[loader] an epoch of this loader is still being read.");
}

}  // namespace ranvier::test
