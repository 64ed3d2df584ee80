// What a trainer trains.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/tasks/samples.h"
#include "ranvier/layers/sequential.h"

namespace ranvier::apps {

/// What samples are called.
struct SampleNames {
  std::string many = "images";
  std::string brief = "img";  ///< as in "img/s"
};

/// A network, what makes scores and a loss of its output, and its data.
struct Task {
  std::string program;  ///< "ranvier-fashion-mnist"
  Sequential network;   ///< from `TrainingBatch::inputs` to its output
  /// From the network's output, and the lengths of the batch if it has any, to scores [B, classes];
  /// the largest one is the prediction.
  std::function<Tensor(const Tensor& output, const Tensor& lengths)> scores;
  std::string score_name;  ///< what a score is: "firing rate"
  /// From scores and labels i64 [B] to the mean loss.
  std::function<Tensor(const Tensor& scores, const Tensor& labels)> loss;
  std::unique_ptr<const Samples> train, test;
  SampleNames names = {};
  /// The program's own options that a resumed run must share, by name: part of the checkpoint.
  std::vector<std::pair<std::string, std::string>> recipe = {};
  bool data_seconds = false;  ///< metrics.csv tells the time waited for data
};

}  // namespace ranvier::apps
