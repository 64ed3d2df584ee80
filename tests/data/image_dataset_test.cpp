#include "ranvier/data/image_dataset.h"

#include <algorithm>
#include <numeric>

#include "tests/data/idx_writer.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace ranvier::test {
namespace {

constexpr ErrorCode invalid = ErrorCode::invalid_argument;
const std::vector<std::string> digits = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};

Tensor byte_images(std::int64_t count) {
  return from_vector(counting_bytes(static_cast<std::size_t>(count * 4)), {count, 2, 2, 1});
}

Tensor indices(std::vector<std::int64_t> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return from_vector(values, {count});
}

/// A data set of MNIST's names: `train` images of 2 x 2 to train, one to test.
void write_mnist(const std::filesystem::path& folder, std::uint32_t train) {
  std::filesystem::create_directories(folder);
  write_file(folder / "train-images-idx3-ubyte",
             idx_file({train, 2, 2}, counting_bytes(4 * train)));
  write_file(folder / "train-labels-idx1-ubyte", idx_file({train}, counting_bytes(train)));
  write_file(folder / "t10k-images-idx3-ubyte.gz", gzipped(idx_file({1, 2, 2}, {9, 8, 7, 6})));
  write_file(folder / "t10k-labels-idx1-ubyte.gz", gzipped(idx_file({1}, {5})));
}

}  // namespace

TEST_CASE("a batch holds the images and labels of its samples, in their order") {
  const ImageDataset set("demo", byte_images(5), indices({4, 3, 2, 1, 0}), digits);
  ImageBatch batch;
  set.fetch(std::vector<std::int64_t>{3, 0}, {}, batch);
  CHECK(batch.images.shape() == Shape{2, 2, 2, 1});
  CHECK(batch.size() == 2);
  CHECK(to_vector(batch.labels) == std::vector<double>{1, 4});
  CHECK(batch.images.data<float>()[1] == Approx(13.0f / 255.0f));
  CHECK(batch.images.data<float>()[4] == 0.0f);
  CHECK_ERROR(set.fetch(std::vector<std::int64_t>{5}, {}, batch), invalid,
              "[demo] sample 5 is out of range; there are 5.");
}

TEST_CASE("a smaller batch is a view of the memory of the larger one") {
  const ImageDataset set("demo", byte_images(5), indices({0, 1, 2, 3, 4}), digits);
  ImageBatch batch;
  set.fetch(std::vector<std::int64_t>{0, 1, 2}, {}, batch);
  const float* memory = batch.images.data<float>();
  set.fetch(std::vector<std::int64_t>{3}, {}, batch);
  CHECK(batch.images.shape() == Shape{1, 2, 2, 1});
  CHECK(batch.images.data<float>() == memory);
  set.fetch(std::vector<std::int64_t>{0, 1, 2}, {}, batch);
  CHECK(batch.images.shape() == Shape{3, 2, 2, 1});
  CHECK(batch.images.data<float>() == memory);
}

TEST_CASE("the first samples of a data set are a data set") {
  const ImageDataset set("demo", byte_images(5), indices({4, 3, 2, 1, 0}), digits);
  const ImageDataset part = set.first(2);
  CHECK(part.size() == 2);
  CHECK(to_vector(part.labels()) == std::vector<double>{4, 3});
  CHECK(part.images().raw_data() == set.images().raw_data());
  CHECK_ERROR(set.first(6), invalid, "[demo] the first 6 samples were asked for; it has 5.");
  CHECK_ERROR(set.first(0), invalid, "[demo] the first 0 samples were asked for; it has 5.");
}

TEST_CASE("a data set of parts that do not fit is refused") {
  const Tensor images = byte_images(2);
  const Tensor labels = indices({0, 1});
  CHECK_ERROR(ImageDataset("d", tensor({1}), labels, digits), invalid,
              "[d] images must be u8 [N, H, W, C]; got f32 (1,).");
  CHECK_ERROR(ImageDataset("d", byte_images(0), indices({}), digits), invalid,
              "[d] the data set is empty: its images have the shape (0, 2, 2, 1).");
  CHECK_ERROR(ImageDataset("d", images, tensor({0, 1}), digits), invalid,
              "[d] labels must be i64 [N]; got f32 (2,).");
  CHECK_ERROR(ImageDataset("d", images, indices({0}), digits), invalid,
              "[d] every image must have a label; got 2 images and 1 labels.");
  CHECK_ERROR(ImageDataset("d", images, labels, {}), invalid,
              "[d] at least one class must be named.");
  CHECK_ERROR(ImageDataset("d", images, labels, {"only"}), invalid,
              "[d] labels must be in [0, 1); got 1 for sample 1.");
  CHECK_ERROR(ImageDataset("d", images, indices({0, -1}), digits), invalid,
              "[d] labels must be in [0, 10); got -1 for sample 1.");
}

TEST_CASE("MNIST is read from plain and gzipped files, in both layouts") {
  const TemporaryFolder folder;
  write_mnist(folder / "flat", 3);
  write_mnist(folder / "torchvision" / "MNIST" / "raw", 3);
  for (const char* layout : {"flat", "torchvision"}) {
    const ImageDataset train = load_mnist({.directory = folder / layout});
    CHECK(train.images().shape() == Shape{3, 2, 2, 1});
    CHECK(to_vector(train.labels()) == std::vector<double>{0, 1, 2});
    CHECK(train.classes() == digits);
    const ImageDataset test = load_mnist({.split = Split::test, .directory = folder / layout});
    CHECK(to_vector(test.images()) == std::vector<double>{9, 8, 7, 6});
    CHECK(to_vector(test.labels()) == std::vector<double>{5});
  }
}

TEST_CASE("a missing data set says how to get it") {
  const TemporaryFolder folder;
  CHECK_ERROR(load_fashion_mnist({.directory = folder.path()}), ErrorCode::io,
              "[fashion-mnist] there is no train-images-idx3-ubyte or train-images-idx3-ubyte.gz "
              "in " +
                  folder.path().string() +
                  ". Install the Debian package dataset-fashion-mnist, "
                  "or name the folder of the files with --data-dir.");
  CHECK_ERROR(load_mnist({.split = Split::test, .directory = folder.path()}), ErrorCode::io,
              "there is no t10k-images-idx3-ubyte or");
  write_mnist(folder.path(), 3);
  std::filesystem::remove(folder / "train-labels-idx1-ubyte");
  CHECK_ERROR(load_mnist({.directory = folder.path()}), ErrorCode::io,
              "there is no train-labels-idx1-ubyte or");
}

TEST_CASE("images have no part for validation") {
  CHECK_ERROR(load_mnist({.split = Split::valid}), ErrorCode::invalid_argument,
              "[mnist] the split must be train or test; got valid.");
}

TEST_CASE("images and labels of different counts name both files") {
  const TemporaryFolder folder;
  write_mnist(folder.path(), 3);
  write_file(folder / "train-labels-idx1-ubyte", idx_file({2}, {0, 1}));
  CHECK_ERROR(load_mnist({.directory = folder.path()}), ErrorCode::format,
              "every image must have a label; " + (folder / "train-images-idx3-ubyte").string() +
                  " has 3 images and " + (folder / "train-labels-idx1-ubyte").string() +
                  " has 2 labels.");
}

TEST_CASE("a label without a class names its file and sample") {
  const TemporaryFolder folder;
  write_mnist(folder.path(), 3);
  write_file(folder / "train-labels-idx1-ubyte", idx_file({3}, {0, 10, 1}));
  CHECK_ERROR(load_mnist({.directory = folder.path()}), ErrorCode::format,
              "[mnist] labels must be in [0, 10); " +
                  (folder / "train-labels-idx1-ubyte").string() + " has 10 for sample 1.");
}

TEST_CASE("a data set without samples is refused") {
  const TemporaryFolder folder;
  write_mnist(folder.path(), 0);
  CHECK_ERROR(load_mnist({.directory = folder.path()}), ErrorCode::format,
              "has the shape (0, 2, 2).");
}

TEST_CASE("images of a wrong rank are refused") {
  const TemporaryFolder folder;
  write_mnist(folder.path(), 3);
  write_file(folder / "train-images-idx3-ubyte", idx_file({3}, {0, 0, 0}));
  CHECK_ERROR(load_mnist({.directory = folder.path()}), ErrorCode::format,
              "train-images-idx3-ubyte has rank 1; it must have rank 3.");
}

TEST_CASE("the installed Fashion-MNIST is the published one") {
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist"))
    SKIP("the package dataset-fashion-mnist is not installed");
  const ImageDataset train = load_fashion_mnist();
  const ImageDataset test = load_fashion_mnist({.split = Split::test});
  CHECK(train.images().shape() == Shape{60000, 28, 28, 1});
  CHECK(test.images().shape() == Shape{10000, 28, 28, 1});
  for (const ImageDataset* set : {&train, &test}) {
    std::vector<std::int64_t> histogram(10);
    const auto* labels = set->labels().data<std::int64_t>();
    std::for_each(labels, labels + set->size(),
                  [&](std::int64_t label) { ++histogram[static_cast<std::size_t>(label)]; });
    CHECK(histogram == std::vector<std::int64_t>(10, set->size() / 10));
  }
  // The mean that everybody normalises with: 0.2860.
  const auto* pixels = train.images().data<std::uint8_t>();
  const double sum = std::accumulate(pixels, pixels + train.images().numel(), 0.0);
  CHECK(sum / static_cast<double>(train.images().numel()) / 255.0 == Approx(0.2860).margin(5e-5));
  CHECK(train.classes().at(static_cast<std::size_t>(train.labels().data<std::int64_t>()[0])) ==
        "Ankle boot");
}

}  // namespace ranvier::test
