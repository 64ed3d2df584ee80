#include "ranvier/data/resident_images.h"

#include "ranvier/core/cuda_graph.h"
#include "ranvier/data/loader.h"
#include "tests/support/catch.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"
#include "tests/support/threads.h"
#include "tests/support/values.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;

/// Random bytes and labels.
ImageDataset example(const Shape& image, std::int64_t count = 50) {
  Generator generator{.seed = 8};
  const Shape shape = Shape{count}.concat(image);
  Tensor labels = empty({count}, {.dtype = DType::i64});
  for (std::int64_t i = 0; i < count; ++i) labels.mutable_data<std::int64_t>()[i] = i * 7 % 3;
  return ImageDataset("demo", uniform(shape, 0, 256, generator).to(DType::u8), labels,
                      {"a", "b", "c"});
}

const std::vector<AugmentOptions> all_options{
    {},
    {.shift = 2},
    {.flip = true},
    {.shift = 3, .flip = true, .mean = {0.2860f}, .deviation = {0.3530f}}};

/// The data sets of all options, of images of one and of several channels.
template <class Body>
void for_each_example(const Body& body) {
  for (const Shape& image : {Shape{28, 28, 1}, Shape{5, 7, 3}, Shape{40, 31, 2}})
    for (const AugmentOptions& options : all_options) {
      INFO(to_string(image) << ", shift " << options.shift << ", flip " << options.flip);
      body(example(image).augmented(options));
    }
}

/// Everything that two epochs deliver, on the CPU.
template <class Set>
std::vector<Tensor> epochs_of(const Set& set) {
  DataLoader loader(set, {.batch_size = 16, .shuffle = true, .seed = 4});
  std::vector<Tensor> all;
  for (std::int64_t epoch = 0; epoch < 2; ++epoch)
    for (const ImageBatch& batch : loader.epoch({.epoch = epoch}))
      for (const Tensor* part : {&batch.images, &batch.labels})
        all.push_back(clone(*part).to(cpu_device));
  return all;
}

bool same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_bits);
}

Tensor numbers(const std::vector<std::int64_t>& values, Device device = cpu_device) {
  return from_vector(values, {static_cast<std::int64_t>(values.size())}).to(device);
}

}  // namespace

TEST_CASE("resident images are those of their data set, bit for bit, on any threads") {
  for_each_example([](const ImageDataset& set) {
    const std::vector<Tensor> expected = epochs_of(set);
    for (const int threads : {1, 3}) {
      const Threads scope(threads);
      CHECK(same(epochs_of(ResidentImages(set)), expected));
    }
  });
}

TEST_CASE("resident images on a CUDA device are those of their data set, bit for bit", "[cuda]") {
  RV_NEEDS_CUDA();
  for_each_example([](const ImageDataset& set) {
    CHECK(same(epochs_of(ResidentImages(set, cuda_device)), epochs_of(set)));
  });
}

TEST_CASE("resident images are gathered by indices and a draw that lie on their device") {
  const ImageDataset set = example({28, 28, 1}).augmented({.shift = 2, .flip = true});
  ImageBatch expected, batch;
  set.fetch(std::vector<std::int64_t>{7, 0, 7}, {.seed = 3, .epoch = 5}, expected);
  ResidentImages(set).gather(numbers({7, 0, 7}), numbers({3, 5}), batch);
  CHECK(same_bits(batch.images, expected.images));
  CHECK(same_bits(batch.labels, expected.labels));
}

TEST_CASE("recorded gathering of images takes the indices and the draw of each launch", "[cuda]") {
  RV_NEEDS_CUDA();
  const ImageDataset set = example({28, 28, 1}).augmented({.shift = 2, .flip = true});
  const ResidentImages resident(set, cuda_device);
  Tensor samples = numbers({0, 0, 0}, cuda_device), draw = numbers({0, 0}, cuda_device);
  ImageBatch expected, batch;
  resident.gather(samples, draw, batch);
  const CudaGraph graph(cuda_device, [&] { resident.gather(samples, draw, batch); });
  for (const std::int64_t epoch : {0, 1, 2}) {
    const std::vector<std::int64_t> chosen{epoch, 49 - epoch, 20};
    copy_into(samples, numbers(chosen));
    copy_into(draw, numbers({3, epoch}));
    graph.launch();
    set.fetch(chosen, {.seed = 3, .epoch = epoch}, expected);
    CHECK(same_bits(batch.images.to(cpu_device), expected.images));
    CHECK(same_bits(batch.labels.to(cpu_device), expected.labels));
  }
}

TEST_CASE("an index out of range on a CUDA device gives no image and no label", "[cuda]") {
  RV_NEEDS_CUDA();
  const ResidentImages resident(example({5, 7, 3}), cuda_device);
  ImageBatch batch;
  resident.gather(numbers({-1, 50, 3}, cuda_device), numbers({0, 0}, cuda_device), batch);
  CHECK(to_vector(batch.labels) == std::vector<double>{-1, -1, 0});
  const std::vector<double> images = to_vector(batch.images);
  CHECK(std::count(images.begin(), images.begin() + 2 * 105, 0.0) == 2 * 105);
}

TEST_CASE("resident images refuse what is out of range or of another type") {
  const ResidentImages resident(example({5, 7, 3}));
  CHECK(resident.size() == 50);
  CHECK(resident.bytes() == 50 * 105);
  ImageBatch batch;
  CHECK_ERROR((resident.fetch(std::vector<std::int64_t>{50}, {}, batch), 0), invalid,
              "[demo] sample 50 is out of range; there are 50.");
  CHECK_ERROR((resident.gather(numbers({-1}), numbers({0, 0}), batch), 0), invalid,
              "[resident_images] sample -1 is out of range; there are 50.");
  CHECK_ERROR((resident.gather(zeros({1}), numbers({0, 0}), batch), 0), invalid,
              "[demo] samples must be i64 [B]; got f32 (1,).");
  CHECK_ERROR((resident.gather(numbers({1}), numbers({0}), batch), 0), invalid,
              "[demo] a draw must be i64 (2,), seed and epoch; got i64 (1,).");
}

}  // namespace ranvier::test
