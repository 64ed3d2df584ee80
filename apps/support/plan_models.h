// The networks that ranvier-plan knows, with made-up data to measure them on.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ranvier/layers/sequential.h"

namespace ranvier::apps {

struct PlanModelOptions {
  std::string model = "csnn";
  std::int64_t channels = 0;  ///< of convolutions (event-cnn: of the first); 0: the catalogue's
  std::int64_t hidden = 0;    ///< neurons of each hidden layer; 0: the catalogue's
};

/// A network with a batch and what is needed to train it.
struct PlanModel {
  Sequential network;
  Tensor input;  ///< static images [B, ...] or a sequence [T, B, ...]
  bool static_input = false;
  std::function<Tensor(const Tensor& output)> loss;
  std::string optimizer;   ///< as `make_optimizer` calls it
  std::string input_text;  ///< "images 28x28x1"
};

/// The names that `plan_model` knows.
std::vector<std::string> plan_model_names();

/// The network called `options.model` with `batch` random samples of `steps` steps. Errors: another
/// name; an option that the network does not have; sizes < 0.
PlanModel plan_model(const PlanModelOptions& options, std::int64_t steps, std::int64_t batch);

}  // namespace ranvier::apps
