#include "ranvier/data/image_dataset.h"

#include <algorithm>
#include <utility>

#include "ranvier/data/detail/plain_file.h"
#include "ranvier/data/idx.h"

namespace ranvier {
namespace {

namespace fs = std::filesystem;

Shape checked_image_shape(const std::string& name, const Tensor& images) {
  RV_CHECK(images.dtype() == DType::u8 && images.rank() == 4,
           "[{}] images must be u8 [N, H, W, C]; got {} {}.", name, images.dtype(), images.shape());
  RV_CHECK(images.numel() > 0, "[{}] the data set is empty: its images have the shape {}.", name,
           images.shape());
  return images.shape().sub(1, 4);
}

void check_labels(const std::string& name, const Tensor& images, const Tensor& labels,
                  std::int64_t classes) {
  RV_CHECK(labels.dtype() == DType::i64 && labels.rank() == 1,
           "[{}] labels must be i64 [N]; got {} {}.", name, labels.dtype(), labels.shape());
  RV_CHECK(labels.size(0) == images.size(0),
           "[{}] every image must have a label; got {} images and {} labels.", name, images.size(0),
           labels.size(0));
  RV_CHECK(classes > 0, "[{}] at least one class must be named.", name);
  const auto* values = labels.data<std::int64_t>();
  for (std::int64_t i = 0; i < labels.size(0); ++i)
    RV_CHECK(values[i] >= 0 && values[i] < classes,
             "[{}] labels must be in [0, {}); got {} for sample {}.", name, classes, values[i], i);
}

/// The packages and folders that a data set of MNIST's format may come from.
struct Publication {
  const char* name;
  const char* system_folder;
  const char* torchvision_folder;
  const char* advice;
  std::vector<std::string> classes;
};

ImageDataset load(const Publication& set, const DatasetSource& source) {
  RV_CHECK(source.split != Split::valid, "[{}] the split must be train or test; got valid.",
           set.name);
  const fs::path root = source.directory.empty() ? fs::path(set.system_folder) : source.directory;
  const std::string prefix = source.split == Split::train ? "train" : "t10k";
  const std::string image_stem = prefix + "-images-idx3-ubyte";
  const std::string label_stem = prefix + "-labels-idx1-ubyte";
  const fs::path nested = root / set.torchvision_folder;
  const fs::path folder =
      detail::find_file(root, image_stem).empty() && !detail::find_file(nested, image_stem).empty()
          ? nested
          : root;
  for (const std::string& stem : {image_stem, label_stem})
    if (detail::find_file(folder, stem).empty())
      fail(ErrorCode::io, "[{}] there is no {} or {}.gz in {}. {}", set.name, stem, stem,
           folder.string(), set.advice);
  return load_idx_images(set.name, detail::find_file(folder, image_stem),
                         detail::find_file(folder, label_stem), set.classes);
}

}  // namespace

void ImageBatch::release_shared() { ranvier::release_shared({&images, &labels}); }

ImageDataset::ImageDataset(std::string name, Tensor images, Tensor labels,
                           std::vector<std::string> classes)
    : name_(std::move(name)),
      images_(std::move(images)),
      labels_(std::move(labels)),
      classes_(std::move(classes)),
      augment_({}, checked_image_shape(name_, images_)) {
  check_labels(name_, images_, labels_, static_cast<std::int64_t>(classes_.size()));
}

ImageDataset ImageDataset::augmented(const AugmentOptions& options) const {
  ImageDataset varied = *this;
  varied.augment_ = Augment(options, image_shape());
  return varied;
}

ImageDataset ImageDataset::first(std::int64_t count) const {
  RV_CHECK(count >= 1 && count <= size(), "[{}] the first {} samples were asked for; it has {}.",
           name_, count, size());
  ImageDataset part = *this;
  part.images_ = Tensor(images_.storage(), images_.storage_offset(), images_.shape().with(0, count),
                        DType::u8);
  part.labels_ = Tensor(labels_.storage(), labels_.storage_offset(), Shape{count}, DType::i64);
  return part;
}

void ImageDataset::fetch(std::span<const std::int64_t> samples, const Draw& draw,
                         Batch& batch) const {
  const auto count = static_cast<std::int64_t>(samples.size());
  reuse_or_allocate(batch.images, images_.shape().with(0, count), DType::f32);
  reuse_or_allocate(batch.labels, {count}, DType::i64);
  const std::int64_t image_size = images_.numel() / size();
  const auto* images = images_.data<std::uint8_t>();
  const auto* labels = labels_.data<std::int64_t>();
  auto* out_images = batch.images.mutable_data<float>();
  auto* out_labels = batch.labels.mutable_data<std::int64_t>();
  for (std::int64_t sample : samples) {
    RV_CHECK(sample >= 0 && sample < size(), "[{}] sample {} is out of range; there are {}.", name_,
             sample, size());
    augment_(images + sample * image_size, sample, draw, out_images);
    *out_labels++ = labels[sample];
    out_images += image_size;
  }
}

ImageDataset load_idx_images(const std::string& name, const fs::path& images,
                             const fs::path& labels, const std::vector<std::string>& classes) {
  const Tensor pixels = read_idx(images, {.rank = 3});
  const Tensor bytes = read_idx(labels, {.rank = 1});
  if (pixels.size(0) != bytes.size(0))
    fail(ErrorCode::format,
         "[{}] every image must have a label; {} has {} images and {} has {} labels.", name,
         images.string(), pixels.size(0), labels.string(), bytes.size(0));
  if (pixels.numel() == 0)
    fail(ErrorCode::format, "[{}] the data set is empty: {} has the shape {}.", name,
         images.string(), pixels.shape());

  Tensor indices = empty(bytes.shape(), {.dtype = DType::i64});
  const auto* from = bytes.data<std::uint8_t>();
  std::copy_n(from, bytes.numel(), indices.mutable_data<std::int64_t>());
  const auto* wrong = std::find_if(from, from + bytes.numel(),
                                   [&](std::uint8_t label) { return label >= classes.size(); });
  if (wrong != from + bytes.numel())
    fail(ErrorCode::format, "[{}] labels must be in [0, {}); {} has {} for sample {}.", name,
         classes.size(), labels.string(), *wrong, wrong - from);
  return ImageDataset(
      name,
      Tensor(pixels.storage(), 0, {pixels.size(0), pixels.size(1), pixels.size(2), 1}, DType::u8),
      indices, classes);
}

ImageDataset load_fashion_mnist(const DatasetSource& source) {
  static const Publication set{
      .name = "fashion-mnist",
      .system_folder = "/usr/share/datasets/fashion-mnist",
      .torchvision_folder = "FashionMNIST/raw",
      .advice =
          "Install the Debian package dataset-fashion-mnist, or name the folder of the files "
          "with --data-dir.",
      .classes = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
                  "Sneaker", "Bag", "Ankle boot"}};
  return load(set, source);
}

ImageDataset load_mnist(const DatasetSource& source) {
  static const Publication set{
      .name = "mnist",
      .system_folder = "/usr/share/datasets/mnist",
      .torchvision_folder = "MNIST/raw",
      .advice =
          "Get the four files of yann.lecun.com/exdb/mnist, and name their folder with "
          "--data-dir.",
      .classes = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}};
  return load(set, source);
}

}  // namespace ranvier
