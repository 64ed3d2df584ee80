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

/// Of all of a sample; of one that cannot be read, which is another's concern, of nothing.
std::string sample_digest(const Samples& samples, std::int64_t sample) {
  try {
    return digest({{"sample", samples.whole(sample)}});
  } catch (const Error&) {
    return digest({});
  }
}

/// Name, size and content of the data: the labels of the first thousand samples, and a few samples
/// from all over it.
std::string data_digest(const Samples& samples) {
  const std::int64_t size = samples.size(), read = std::min<std::int64_t>(size, 16);
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(size, 1000); ++i)
    numbers.push_back(samples.label(i));
  for (std::int64_t i = 0; i < read; ++i)
    numbers.push_back(static_cast<std::int64_t>(
        std::stoull(sample_digest(samples, i * size / read), nullptr, 16)));
  const auto count = static_cast<std::int64_t>(numbers.size());
  return fmt::format("{}, {} samples, {}", samples.name(), size,
                     digest({{"numbers", from_vector(numbers, {count})}}));
}

/// The first samples of the training set, as many as this rank computes at once.
TrainingBatch example_batch(const Ranks& ranks, const Task& task, const TrainOptions& options) {
  const BatchPart part = ranks.batch_part();
  const Slice own = Slice::of(options.batch_size / part.rounds, part.index, part.count);
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
  const bool resumes = options.resume || options.eval_only;
  Facts facts = recipe_facts(task, options);
  const Facts more{{"--speculate", text(options.speculate)},
                   {"--deterministic", text(options.deterministic)},
                   {"--no-fuse", text(options.no_fuse)},
                   {"--pack-spikes", options.pack_spikes},
                   {"--tf32", text(options.tf32)},
                   {"--autotune", text(options.autotune)},
                   {"--graph", options.graph},
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
  Prediction prediction = predict(profile, {.mesh = mesh.shape(),
                                            .steps = options.steps,
                                            .batch = options.batch_size / options.accumulate,
                                            .speculate = options.speculate,
                                            .link = link});
  // Parts of a batch before the last neither add up gradients nor move weights.
  prediction.step += static_cast<double>(options.accumulate - 1) *
                     (prediction.step - prediction.exposed_reduction - profile.update);
  return prediction;
}

}  // namespace ranvier::apps
