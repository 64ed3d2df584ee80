#include "apps/tasks/gathered_feed.h"

#include "tests/support/catch.h"
#include "tests/support/values.h"

namespace ranvier::apps {
namespace {

using test::same_bits;

ImageDataset example() {
  Tensor labels = empty({50}, {.dtype = DType::i64});
  for (std::int64_t i = 0; i < 50; ++i) labels.mutable_data<std::int64_t>()[i] = i * 7 % 3;
  return ImageDataset("demo", uniform({50, 6, 5, 1}, 0, 256).to(DType::u8), labels, {"a", "b", "c"})
      .augmented({.shift = 1, .flip = true});
}

std::vector<TrainingBatch> rest_of(Feed& feed, LoaderCursor cursor) {
  std::vector<TrainingBatch> batches;
  const auto pass = feed.epoch(cursor);
  while (const TrainingBatch* batch = pass->next()) {
    ++cursor.batch;
    CHECK(pass->cursor() == cursor);
    const TrainingBatch made = on_device(*batch, cpu_device);
    CHECK(batch->size() == made.size());
    batches.push_back({.inputs = clone(made.inputs), .labels = clone(made.labels)});
  }
  return batches;
}

}  // namespace

TEST_CASE("gathered batches are those of the loader, from any place on") {
  const ResidentImages images(example());
  const LoaderOptions options{.batch_size = 8, .shuffle = true, .drop_last = true, .seed = 3};
  LoaderFeed<ResidentImages> loaded(images, options);
  GatheredFeed<ResidentImages> gathered(images, options, cpu_device);
  CHECK(gathered.batches() == 6);
  for (const LoaderCursor cursor : {LoaderCursor{0, 0}, LoaderCursor{1, 0}, LoaderCursor{1, 4}}) {
    const auto expected = rest_of(loaded, cursor), got = rest_of(gathered, cursor);
    REQUIRE(got.size() == static_cast<std::size_t>(6 - cursor.batch));
    for (std::size_t i = 0; i < got.size(); ++i) {
      CHECK(same_bits(got[i].inputs, expected[i].inputs));
      CHECK(same_bits(got[i].labels, expected[i].labels));
    }
  }
}

TEST_CASE("a gathered batch tells its shapes before it is there") {
  const ResidentImages images(example());
  GatheredFeed<ResidentImages> feed(images, {.batch_size = 8, .drop_last = true}, cpu_device);
  const auto pass = feed.epoch({});
  const TrainingBatch* const batch = pass->next();
  CHECK(batch->inputs.shape() == Shape{8, 6, 5, 1});
  CHECK(batch->labels.shape() == Shape{8});
}

}  // namespace ranvier::apps
