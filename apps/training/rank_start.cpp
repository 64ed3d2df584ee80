#include "apps/training/rank_start.h"

#include <algorithm>

#include "apps/plan/meter.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/build_info.h"
#include "ranvier/distributed/measure_link.h"
#include "ranvier/distributed/profile.h"
#include "ranvier/layers/batch_norm.h"

namespace ranvier::apps {
namespace {

/// Name, size and labels of the data: of the first thousand samples.
std::string data_digest(const Samples& samples) {
  const std::int64_t count = std::min<std::int64_t>(samples.size(), 1000);
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < count; ++i) labels.push_back(samples.label(i));
  return fmt::format("{}, {} samples, {}", samples.name(), samples.size(),
                     digest({{"labels", from_vector(labels, {count})}}));
}

/// The first samples of the training set, as many as this rank has of a batch.
TrainingBatch example_batch(const Ranks& ranks, const Task& task, const TrainOptions& options) {
  const BatchPart part = ranks.batch_part();
  const Slice own = Slice::of(options.batch_size, part.index, part.count);
  return on_device(first_samples(*task.train, own.length()), parse_device(options.device));
}

/// Stages of this rank's part of a step.
NetworkProfile profile_part(const Ranks& ranks, Task& task, const TrainOptions& options) {
  const TrainingBatch batch = example_batch(ranks, task, options);
  const auto loss = [&](const Tensor& output) {
    return task.loss(task.scores(output, {}), batch.labels);
  };
  const AutocastGuard autocast(compute_dtype(options), batch.inputs.device());
  NetworkProfile profile =
      profile_network(task.network, batch.inputs, {.loss = loss, .mesh = ranks.mesh().shape()});
  profile_optimizer(
      profile, parameters(task.network), options.optimizer,
      {.lr = options.lr, .weight_decay = options.weight_decay, .momentum = options.momentum});
  return profile;
}

}  // namespace

void share_event_thresholds(const Ranks& ranks) {
  for (const DType compute : {DType::f32, DType::bf16}) {
    const std::vector<double> own = event_threshold_values(compute);
    Tensor values = from_vector(own, {static_cast<std::int64_t>(own.size())});
    broadcast(ranks.mesh().all(), values);
    set_event_threshold_values(compute, to_vector(values));
  }
}

void agree_on_options(const Ranks& ranks, const Task& task, const TrainOptions& options) {
  const auto text = [](const auto& value) { return fmt::format("{}", value); };
  const MeshShape& mesh = ranks.mesh().shape();
  const bool resumes = options.resume || options.eval_only;
  Facts facts = recipe_facts(task, options);
  const Facts more{{"--time-shards", text(mesh.time)},
                   {"--data-shards", text(mesh.data)},
                   {"--speculate", text(options.speculate)},
                   {"--deterministic", text(options.deterministic)},
                   {"--no-fuse", text(options.no_fuse)},
                   {"--eval-only", text(options.eval_only)},
                   {"a checkpoint to resume", text(resumes)},
                   {"kind of device", options.device.substr(0, options.device.find(':'))},
                   {"Ranvier revision", build_info().revision},
                   {"training data", data_digest(*task.train)},
                   {"test data", data_digest(*task.test)}};
  facts.insert(facts.end(), more.begin(), more.end());
  require_agreement(ranks.mesh().all(), facts);
}

void agree_on_start(const Ranks& ranks, Task& task, const RunState& state) {
  const auto& [epoch, batch] = state.next;
  require_agreement(ranks.mesh().all(), {{"place", fmt::format("epoch {}, batch {}", epoch, batch)},
                                         {"weights", digest(state_dict(task.network))}});
}

Prediction predict_step(const Ranks& ranks, Task& task, const TrainOptions& options) {
  const Mesh& mesh = ranks.mesh();
  barrier(mesh.all());
  const NetworkProfile profile = profile_part(ranks, task, options);
  const Link link = measure_link(mesh.all(), parse_device(options.device));
  return predict(profile, {.mesh = mesh.shape(),
                           .steps = options.steps,
                           .batch = options.batch_size,
                           .speculate = options.speculate,
                           .link = link});
}

}  // namespace ranvier::apps
