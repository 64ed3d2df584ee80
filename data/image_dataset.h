// Labelled images in memory, and the data sets everybody starts with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "ranvier/core/tensor.h"
#include "ranvier/data/augment.h"
#include "ranvier/data/dataset.h"
#include "ranvier/data/split.h"

namespace ranvier {

/// Some images and their classes, ready for a network.
struct ImageBatch {
  Tensor images;  ///< f32 [B, H, W, C]
  Tensor labels;  ///< i64 [B]

  std::int64_t size() const { return labels.defined() ? labels.size(0) : 0; }
  /// Lets go of arrays that somebody else holds too.
  void release_shared();
};

/// Labelled images, kept as bytes. Copies share the arrays. A `Dataset`.
class ImageDataset {
 public:
  using Batch = ImageBatch;

  /// `images` u8 [N, H, W, C], `labels` i64 [N], one name per class. Errors (which begin with
  /// `name`): no samples or no classes, other types or ranks, another number of labels than images,
  /// a label that is negative or has no class.
  ImageDataset(std::string name, Tensor images, Tensor labels, std::vector<std::string> classes);

  std::int64_t size() const { return images_.size(0); }
  const std::string& name() const { return name_; }
  const Tensor& images() const { return images_; }
  const Tensor& labels() const { return labels_; }
  const std::vector<std::string>& classes() const { return classes_; }
  /// [H, W, C]
  Shape image_shape() const { return images_.shape().sub(1, 4); }

  /// What happens to them when they are fetched.
  const Augment& augment() const { return augment_; }

  /// The same images, varied and normalised by `options` when they are fetched. Errors:
  /// `Augment`'s.
  ImageDataset augmented(const AugmentOptions& options) const;
  /// The first `count` images. Error: count is not in [1, size()].
  ImageDataset first(std::int64_t count) const;

  /// Gathers `samples` into `batch`, variations drawn from `draw`. Error: an index out of range.
  void fetch(std::span<const std::int64_t> samples, const Draw& draw, Batch& batch) const;

 private:
  std::string name_;
  Tensor images_, labels_;
  std::vector<std::string> classes_;
  Augment augment_;
};

/// Reads images [N, H, W] and labels [N] from two IDX files, plain or gzipped. Errors: those of
/// `read_idx` and of `ImageDataset`, naming the files.
ImageDataset load_idx_images(const std::string& name, const std::filesystem::path& images,
                             const std::filesystem::path& labels,
                             const std::vector<std::string>& classes);

/// Zalando's articles of clothing (arXiv:1708.07747): 60000 images to train, 10000 to test,
/// 28 x 28 x 1, 10 classes. The files may lie in torchvision's layout (FashionMNIST/raw). Error:
/// the files are missing (says how to get them) or damaged, or `Split::valid`, which is not there.
ImageDataset load_fashion_mnist(const DatasetSource& source = {});

/// The handwritten digits of LeCun et al. (1998), in the same format and sizes. Errors as above.
ImageDataset load_mnist(const DatasetSource& source = {});

}  // namespace ranvier
