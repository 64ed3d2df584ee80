// Images as samples of a trainer.
#pragma once

#include <memory>

#include "apps/tasks/samples.h"
#include "apps/tasks/train_options.h"
#include "ranvier/data/image_dataset.h"

namespace ranvier::apps {

/// The first `--train-samples` images, varied by `--shift` and `--flip`. With `--device cuda` they
/// are kept on the device.
std::unique_ptr<Samples> training_images(const ImageDataset& images, const TrainOptions& options);

/// The first `--test-samples` images, as they are, kept likewise.
std::unique_ptr<Samples> test_images(const ImageDataset& images, const TrainOptions& options);

}  // namespace ranvier::apps
