#include "apps/tasks/image_samples.h"

#include <algorithm>
#include <utility>

#include "apps/tasks/gathered_feed.h"
#include "ranvier/ops/shape/slice.h"

namespace ranvier::apps {
namespace {

/// Images of `D`, which is made of an `ImageDataset`.
template <class D>
class ImageSamples : public LoadedSamples<D> {
 public:
  ImageSamples(D images, ImageDataset names_and_labels, bool in_turn)
      : LoadedSamples<D>(std::move(images), in_turn), source_(std::move(names_and_labels)) {}

  const std::string& name() const override { return source_.name(); }
  const std::vector<std::string>& classes() const override { return source_.classes(); }
  std::int64_t label(std::int64_t sample) const override {
    return source_.labels().template data<std::int64_t>()[sample];
  }
  Tensor whole(std::int64_t sample) const override {
    return slice(source_.images(), 0, sample, sample + 1);
  }

 private:
  ImageDataset source_;
};

class ResidentImageSamples final : public ImageSamples<ResidentImages> {
 public:
  ResidentImageSamples(const ImageDataset& images, Device device)
      : ImageSamples(ResidentImages(images, device), images, true), device_(device) {}

  std::unique_ptr<Feed> gathered_feed(const LoaderOptions& options) const override {
    return std::make_unique<GatheredFeed<ResidentImages>>(dataset_, options, device_);
  }

 private:
  Device device_;
};

/// On a CUDA device images lie there, and on the CPU workers make them ready beside the training.
std::unique_ptr<Samples> image_samples(const ImageDataset& images, const TrainOptions& o) {
  const Device device = parse_device(o.device);
  if (device == cpu_device)
    return std::make_unique<ImageSamples<ImageDataset>>(images, images, false);
  return std::make_unique<ResidentImageSamples>(images, device);
}

ImageDataset first_or_all(const ImageDataset& images, std::int64_t count) {
  return count == 0 ? images : images.first(std::min(count, images.size()));
}

}  // namespace

std::unique_ptr<Samples> training_images(const ImageDataset& images, const TrainOptions& o) {
  return image_samples(
      first_or_all(images, o.train_samples).augmented({.shift = o.shift ? 2 : 0, .flip = o.flip}),
      o);
}

std::unique_ptr<Samples> test_images(const ImageDataset& images, const TrainOptions& o) {
  return image_samples(first_or_all(images, o.test_samples), o);
}

}  // namespace ranvier::apps
