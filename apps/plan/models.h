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
  std::function<Tensor(const Tensor& output)> loss;
  std::string optimizer;   ///< as `make_optimizer` calls it
  std::string input_text;  ///< "images 28x28x1"
};

/// The names that `plan_model` knows.
std::vector<std::string> plan_model_names();

/// A rank's part of a batch.
struct PlanPart {
  std::int64_t steps = 1, batch = 1;
  std::int64_t all_steps = 1;  ///< of all ranks: for so many a network shows static images
};

/// The network called `options.model` with random samples for a rank. Errors: another name; an
/// option that the network does not have; sizes < 0.
PlanModel plan_model(const PlanModelOptions& options, const PlanPart& part);

}  // namespace ranvier::apps
