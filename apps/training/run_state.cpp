#include "apps/training/run_state.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "ranvier/core/random.h"
#include "ranvier/data/checkpoint.h"
#include "ranvier/ops/spikes/event_thresholds.h"

namespace ranvier::apps {
namespace {

using Json = nlohmann::json;

// What must not change under a run, or resuming would not be the run that never stopped.
Json recipe(const Task& task, const TrainOptions& o) {
  Json values{{"batch-size", o.batch_size},
              {"accumulate", o.accumulate},
              {"steps", o.steps},
              {"channels", o.channels},
              {"lr", o.lr},
              {"epochs", o.epochs},
              {"optimizer", o.optimizer},
              {"momentum", o.momentum},
              {"weight-decay", o.weight_decay},
              {"scheduler", o.scheduler},
              {"warmup", o.warmup},
              {"seed", o.seed},
              {"train-samples", o.train_samples},
              {"shift", o.shift},
              {"flip", o.flip},
              {"amp", o.amp},
              {"bn-mode", o.bn_mode}};
  for (const auto& [name, value] : task.recipe) values[name] = value;
  return values;
}

void check_recipe(const std::string& path, const Json& saved, const Json& wanted) {
  for (const auto& [name, value] : wanted.items())
    if (!saved.contains(name) || saved.at(name) != value)
      fail(ErrorCode::state,
           "{}: the checkpoint was made with --{} {}, this run has {}; resume with the same value.",
           path, name, saved.contains(name) ? saved.at(name).dump() : "(none)", value.dump());
}

Json to_json(const EpochMetrics& row) {
  return {row.epoch,         row.train_loss, row.train_accuracy,    row.test_loss,
          row.test_accuracy, row.seconds,    row.images_per_second, row.data_seconds};
}

// Not a number and infinity are null in JSON.
double number_or_nan(const Json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

EpochMetrics metrics_from(const Json& row) {
  return {.epoch = row.at(0),
          .train_loss = number_or_nan(row.at(1)),
          .train_accuracy = row.at(2),
          .test_loss = number_or_nan(row.at(3)),
          .test_accuracy = row.at(4),
          .seconds = row.at(5),
          .images_per_second = number_or_nan(row.at(6)),
          // Older checkpoints have no time waited for data.
          .data_seconds = number_or_nan(row.size() > 7 ? row.at(7) : Json())};
}

Json to_json(const RunState& state) {
  Json history = Json::array();
  for (const EpochMetrics& row : state.history) history.push_back(to_json(row));
  return {{"epoch", state.next.epoch},
          {"batch", state.next.batch},
          {"loss", state.epoch.loss},
          {"correct", state.epoch.correct},
          {"samples", state.epoch.samples},
          {"seconds", state.epoch.seconds},
          {"data_seconds", state.epoch.data_seconds},
          {"history", history}};
}

RunState state_from(const std::string& path, const Json& json) {
  RunState state{.next = {json.at("epoch"), json.at("batch")},
                 .epoch = {json.at("loss"), json.at("correct"), json.at("samples"),
                           json.at("seconds"), json.value("data_seconds", 0.0)}};
  for (const Json& row : json.at("history")) state.history.push_back(metrics_from(row));
  if (std::ssize(state.history) != state.next.epoch)
    fail(ErrorCode::format, "{}: the checkpoint is of epoch {} and tells of {} finished ones.",
         path, state.next.epoch + 1, state.history.size());
  return state;
}

Json thresholds_json() {
  Json json;
  for (const DType compute : {DType::f32, DType::bf16})
    json[std::string(name(compute))] = event_threshold_values(compute);
  return json;
}

// What was tuned by timing belongs to the run, or a resumed one would round differently.
void set_thresholds(const Json& json) {
  for (const DType compute : {DType::f32, DType::bf16}) {
    const Json& t = json.at(std::string(name(compute)));
    set_event_threshold_values(compute, {t.at(0), t.at(1), t.at(2), t.at(3)});
  }
}

}  // namespace

std::vector<double> event_threshold_values(DType compute) {
  const EventThresholds& t = event_thresholds(compute);
  return {t.linear_forward, t.linear_weight_gradient, t.conv_forward, t.conv_weight_gradient};
}

void set_event_threshold_values(DType compute, const std::vector<double>& values) {
  set_event_thresholds(compute, {values.at(0), values.at(1), values.at(2), values.at(3)});
}

Facts recipe_facts(const Task& task, const TrainOptions& options) {
  Facts facts{{"program", task.program}};
  const Json values = recipe(task, options);
  for (const auto& [name, value] : values.items()) facts.emplace_back("--" + name, value.dump());
  return facts;
}

void save_run(const std::filesystem::path& path, Task& task, const TrainOptions& options,
              const Optimizer& optimizer, const RunState& state) {
  Checkpoint checkpoint;
  checkpoint.tensors = add_prefix("network.", state_dict(task.network));
  for (NamedTensor& tensor : add_prefix("optimizer.", optimizer.state()))
    checkpoint.tensors.push_back(std::move(tensor));
  const Generator& generator = default_generator();
  const Json metadata{{"program", task.program},
                      {"recipe", recipe(task, options)},
                      {"event_thresholds", thresholds_json()},
                      {"generator", {generator.seed, generator.next_block}},
                      {"run", to_json(state)}};
  checkpoint.metadata = metadata.dump();
  save_checkpoint(path, checkpoint);
}

RunState load_run(const std::filesystem::path& path, Task& task, const TrainOptions& options,
                  Optimizer& optimizer) {
  const Checkpoint checkpoint = load_checkpoint(path);
  try {
    const Json metadata = Json::parse(checkpoint.metadata);
    const std::string maker = metadata.at("program");
    if (maker != task.program)
      fail(ErrorCode::format, "{}: the checkpoint was made by {}, not by {}.", path.string(), maker,
           task.program);
    // The shapes say more about another network than its options do, so they are checked first.
    load_state(state_dict(task.network), take_prefix("network.", checkpoint.tensors));
    if (options.eval_only) return state_from(path.string(), metadata.at("run"));
    check_recipe(path.string(), metadata.at("recipe"), recipe(task, options));
    load_state(optimizer.state(), take_prefix("optimizer.", checkpoint.tensors));
    set_thresholds(metadata.at("event_thresholds"));
    default_generator() = {metadata.at("generator").at(0), metadata.at("generator").at(1)};
    return state_from(path.string(), metadata.at("run"));
  } catch (const Json::exception& error) {
    fail(ErrorCode::format, "{}: the checkpoint's metadata cannot be read: {}.", path.string(),
         error.what());
  }
}

}  // namespace ranvier::apps
