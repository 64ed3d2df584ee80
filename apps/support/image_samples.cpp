#include "apps/support/image_samples.h"

#include <algorithm>

#include "apps/support/loaded_samples.h"

namespace ranvier::apps {
namespace {

class ImageSamples final : public LoadedSamples<ImageDataset> {
 public:
  using LoadedSamples::LoadedSamples;

  const std::string& name() const override { return dataset_.name(); }
  const std::vector<std::string>& classes() const override { return dataset_.classes(); }
  std::int64_t label(std::int64_t sample) const override {
    return dataset_.labels().data<std::int64_t>()[sample];
  }
};

ImageDataset first_or_all(const ImageDataset& images, std::int64_t count) {
  return count == 0 ? images : images.first(std::min(count, images.size()));
}

}  // namespace

std::unique_ptr<Samples> training_images(const ImageDataset& images, const TrainOptions& o) {
  return std::make_unique<ImageSamples>(
      first_or_all(images, o.train_samples).augmented({.shift = o.shift ? 2 : 0, .flip = o.flip}));
}

std::unique_ptr<Samples> test_images(const ImageDataset& images, const TrainOptions& o) {
  return std::make_unique<ImageSamples>(first_or_all(images, o.test_samples));
}

}  // namespace ranvier::apps
