// What an image trainer trains.
#pragma once

#include <functional>
#include <string>

#include "ranvier/data/image_dataset.h"
#include "ranvier/layers/sequential.h"

namespace ranvier::apps {

/// A network, what makes scores and a loss of its output, and its data.
struct Task {
  std::string program;  ///< "ranvier-fashion-mnist"
  Sequential network;   ///< images [B, H, W, C] to spikes [T, B, classes]
  /// From the network's output to scores [B, classes]; the largest one is the prediction.
  std::function<Tensor(const Tensor& output)> scores;
  std::string score_name;  ///< what a score is: "firing rate"
  /// From scores and labels i64 [B] to the mean loss.
  std::function<Tensor(const Tensor& scores, const Tensor& labels)> loss;
  ImageDataset train, test;
};

}  // namespace ranvier::apps
