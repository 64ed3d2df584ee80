#include "apps/training/training.h"

#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "apps/support/say.h"
#include "apps/training/output_directory.h"
#include "apps/training/rank_start.h"
#include "apps/training/training_report.h"
#include "ranvier/core/autocast.h"
#include "ranvier/core/autotune.h"
#include "ranvier/core/build_info.h"
#include "ranvier/core/parallel.h"
#include "ranvier/core/tape.h"
#include "ranvier/layers/summary.h"
#include "ranvier/ops/spikes/event_thresholds.h"

namespace ranvier::apps {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

LoaderOptions training_batches(const TrainOptions& o, BatchPart part) {
  RV_CHECK(o.accumulate == 1 || o.batch_size % (o.accumulate * part.count) == 0,
           "--accumulate {} times {} data shard(s) must divide --batch-size {}.", o.accumulate,
           part.count, o.batch_size);
  return {.batch_size = o.batch_size,
          .shuffle = true,
          .drop_last = true,
          .seed = o.seed,
          .workers = o.workers,
          .part = part};
}

/// Batches that a recorded step gathers are never handed to it; else those of the loader.
std::unique_ptr<Feed> training_feed(const Task& task, const TrainOptions& o, const Ranks& ranks) {
  const LoaderOptions batches = training_batches(o, ranks.batch_part());
  const bool recorded =
      parse_device(o.device) != cpu_device && o.graph == "on" && ranks.recordable();
  std::unique_ptr<Feed> feed = recorded ? task.train->gathered_feed(batches) : nullptr;
  return feed != nullptr ? std::move(feed) : task.train->feed(batches);
}

/// Steps that a device does before it is waited for: to look costs a CUDA device a pause.
std::int64_t steps_between_looks(Device device) { return device == cpu_device ? 1 : 32; }

void add(Totals& sum, const Totals& more) {
  sum.loss += more.loss;
  sum.correct += more.correct;
  sum.samples += more.samples;
  sum.seconds += more.seconds;
  sum.data_seconds += more.data_seconds;
}

bool finite(const Tensor& x) {
  const std::vector<double> values = to_vector(x);
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

/// `task` with its network on the device and with the batch norm that the options name.
Task& prepared(Task& task, const TrainOptions& options) {
  move_to(task.network, parse_device(options.device));
  set_batch_norm_mode(task.network, batch_norm_mode(options.bn_mode));
  return task;
}

/// Weight decay is for weights and biases. Delays, the scales and shifts of batch norm and what
/// neurons learn are no smaller for being nearer to 0.
ParameterGroups groups_of(const NamedTensors& parameters) {
  ParameterGroup undecayed{.names = {}, .weight_decay = 0};
  for (const auto& [path, tensor] : parameters)
    if (!path.ends_with("weight") && !path.ends_with("bias")) undecayed.names.push_back(path);
  if (undecayed.names.empty()) return {};
  return {undecayed};
}

std::string machine(Device device) {
  if (device != cpu_device) return describe(device);
  return fmt::format("{} thread(s)", num_threads());
}

void warn_of_skipped(const Samples& samples) {
  const SkippedRecordings skipped = samples.skipped();
  if (skipped.count > 0)
    spdlog::warn("[{}] skipped {} of {} recordings, the first because: {}", samples.name(),
                 skipped.count, samples.size(), skipped.first_error);
}

}  // namespace

Training::Training(Task& task, const TrainOptions& options, const Ranks& ranks)
    : task_(prepared(task, options)),
      options_(options),
      ranks_(ranks),
      device_(parse_device(options.device)),
      train_feed_(training_feed(task, options, ranks)),
      optimizer_(make_optimizer(
          options.optimizer, parameters(task.network),
          {.lr = options.lr, .weight_decay = options.weight_decay, .momentum = options.momentum},
          groups_of(parameters(task.network)))),
      schedule_(
          make_schedule(options.scheduler, {.lr = options.lr,
                                            .length = options.epochs * train_feed_->batches(),
                                            .warmup = options.warmup * train_feed_->batches()})),
      step_(task, options, ranks, *optimizer_),
      test_(task, options, ranks, step_) {
  set_tf32(options_.tf32);
  set_autotune(options_.autotune);
  task_.network.set_fuse(!options_.no_fuse);
  task_.network.set_packing(spike_packing(options_.pack_spikes));
  if (compute_dtype(options_) == DType::f16) optimizer_->set_loss_scale(LossScale(device_));
  if (!ranks_.alone()) agree_on_options(ranks_, task_, options_);
  if (ranks_.leads() && !options_.eval_only) output_ = claim_output_directory(options_.output_dir);
  if (options_.resume || options_.eval_only)
    resume();
  else
    choose_event_thresholds();
  if (!ranks_.alone()) agree_on_start(ranks_, task_, state_);
}

void Training::choose_event_thresholds() {
  if (options_.deterministic || device_ != cpu_device) return;
  if (ranks_.leads()) autotune_event_thresholds(compute_dtype(options_));
  if (!ranks_.alone()) share_event_thresholds(ranks_);
}

std::filesystem::path Training::checkpoint_path() const {
  return options_.output_dir / "checkpoint.h5";
}

void Training::resume() {
  const bool named = options_.resume && !options_.resume->empty();
  const std::filesystem::path path = named ? *options_.resume : checkpoint_path();
  if (!named && !std::filesystem::exists(path))
    fail(ErrorCode::io, "{}: there is no checkpoint yet; begin without --resume and --eval-only.",
         path.string());
  state_ = load_run(path, task_, options_, *optimizer_);
  if (options_.eval_only) return;
  if (state_.next.epoch >= options_.epochs)
    say("{} is at its end, all {} epochs are done\n", path.string(), options_.epochs);
  else
    say("resumed from {}: epoch {}, batch {}\n", path.string(), state_.next.epoch + 1,
        state_.next.batch);
}

std::int64_t Training::step_number() const {
  return state_.next.epoch * train_feed_->batches() + state_.next.batch;
}

void Training::print_plan() {
  const TrainingBatch example = on_device(first_samples(*task_.test, options_.batch_size), device_);
  say("{}\n", format_summary(summarise(task_.network, example.inputs, example.size())));
  const std::string training =
      options_.eval_only
          ? ""
          : fmt::format("training on {} {}, ", task_.train->size(), task_.names.many);
  say("{}testing on {} {}; {}, {}\n", training, task_.test->size(), task_.names.many,
      machine(device_), options_.amp == "none" ? "all in f32" : "products in " + options_.amp);
  if (!ranks_.alone()) say("{}\n", ranks_.describe());
}

void Training::print_prediction() {
  const Prediction prediction = predict_step(ranks_, task_, options_);
  predicted_ = prediction.step;
  say("predicted: a step takes {:.1f} ms, of which ranks wait {:.0f} %\n", 1e3 * prediction.step,
      100 * prediction.waiting);
}

// Of a whole epoch, without the time spent waiting for batches.
void Training::print_measured() {
  if (!predicted_ || state_.epoch.samples < train_feed_->batches() * options_.batch_size) return;
  const double measured = (state_.epoch.seconds - state_.epoch.data_seconds) /
                          static_cast<double>(train_feed_->batches());
  say("measured: a step takes {:.1f} ms, {:+.0f} % of what was predicted\n", 1e3 * measured,
      100 * (measured / *predicted_ - 1));
  if (options_.speculate) print_speculation();
  predicted_.reset();
}

void Training::print_speculation() const {
  const Speculation all = step_.speculation();
  if (all.scanned == 0)
    say("speculated: no neurons that reset hard had to wait for their state\n");
  else
    say("speculated: {:.0f} % of what began from a guess was done again\n",
        100 * static_cast<double>(all.repaired) / static_cast<double>(all.scanned));
}

int Training::run() {
  const StopSignal stop;
  print_plan();
  if (options_.eval_only) {
    const auto test = test_.run(stop, progress_options(0));
    if (!test) return exit_status(stop);
    warn_of_skipped(*task_.test);
    say("test loss {:.4f}, test accuracy {:.4f}\n", test->totals.mean_loss(),
        test->totals.accuracy());
    return 0;
  }
  if (!ranks_.alone()) print_prediction();
  std::optional<MetricsLog> metrics;
  if (ranks_.leads())
    metrics.emplace(options_.output_dir / "metrics.csv", state_.history, task_.data_seconds);
  std::optional<Evaluation> test;
  saved_ = !state_.history.empty();
  while (state_.next.epoch < options_.epochs) {
    if (!train_epoch(stop)) return stopped(stop);
    test = test_.run(stop, progress_options(0));
    if (!test) return stopped(stop);
    finish_epoch(test->totals, metrics);
  }
  if (!test) test = test_.run(stop, progress_options(0));
  if (!test) return stopped(stop);
  if (!saved_) save();
  warn_of_skipped(*task_.train);
  warn_of_skipped(*task_.test);
  if (ranks_.mesh().data_index() == 0) report(*test);
  say("{}\n", best_epoch_text(*best_epoch(state_.history)));
  return 0;
}

int Training::stopped(const StopSignal& stop) {
  save();
  say("stopped; the same command with --resume goes on from {}\n", checkpoint_path().string());
  return exit_status(stop);
}

// A rank that another one's signal stopped ends as that one does.
int Training::exit_status(const StopSignal& stop) const {
  return stop.requested() ? stop.exit_status() : 143;
}

bool Training::train_epoch(const StopSignal& stop) {
  set_training(task_.network, true);
  Progress progress(fmt::format("epoch {}/{}", state_.next.epoch + 1, options_.epochs),
                    train_feed_->batches() * options_.batch_size,
                    progress_options(state_.epoch.samples));
  const auto pass = train_feed_->epoch(state_.next);
  auto start = Clock::now();
  const auto look = [&] {
    add(state_.epoch, step_.collect());
    state_.epoch.seconds += seconds_since(start);
    start = Clock::now();
    progress.update(state_.epoch.samples, state_.epoch.mean_loss(), state_.epoch.accuracy());
  };
  while (!ranks_.any(stop.requested())) {
    const auto asked = Clock::now();
    const TrainingBatch* batch = pass->next();
    state_.epoch.data_seconds += seconds_since(asked);
    if (batch == nullptr) {
      print_measured();
      return true;
    }
    optimizer_->set_lr(schedule_(step_number()));
    explaining(*batch, [&] {
      step_.run(*batch);
      state_.next = pass->cursor();
      if (state_.next.batch % steps_between_looks(device_) == 0 ||
          state_.next.batch == train_feed_->batches())
        look();
    });
  }
  look();
  return false;
}

// mpirun gives ranks a terminal even where its own output is none.
ProgressOptions Training::progress_options(std::int64_t already_done) const {
  using Style = ProgressOptions::Style;
  return {.already_done = already_done,
          .unit = task_.names.brief,
          .style = ranks_.alone() ? Style::automatic : Style::plain};
}

void Training::finish_epoch(const Totals& test, std::optional<MetricsLog>& metrics) {
  const Totals& train = state_.epoch;
  const EpochMetrics row{.epoch = state_.next.epoch + 1,
                         .train_loss = train.mean_loss(),
                         .train_accuracy = train.accuracy(),
                         .test_loss = test.mean_loss(),
                         .test_accuracy = test.accuracy(),
                         .seconds = train.seconds,
                         .images_per_second = static_cast<double>(train.samples) / train.seconds,
                         .data_seconds = train.data_seconds};
  state_.history.push_back(row);
  state_.next = {.epoch = row.epoch, .batch = 0};
  state_.epoch = {};
  say("epoch {}/{}  train loss {:.4f} acc {:.4f}  test loss {:.4f} acc {:.4f}  {:.1f} s  "
      "{:.0f} {}/s  data {:.0f} %  compute {:.0f} %\n",
      row.epoch, options_.epochs, row.train_loss, row.train_accuracy, row.test_loss,
      row.test_accuracy, row.seconds, row.images_per_second, task_.names.brief,
      100 * row.data_share(), 100 * (1 - row.data_share()));
  saved_ = try_save();
  if (!metrics) return;
  try {
    metrics->append(row);
  } catch (const Error& error) {
    spdlog::warn("{} The row is kept and written with the next one.", error.what());
  }
}

// A full disk must not cost the hours that were trained already.
bool Training::try_save() {
  try {
    save();
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::io) throw;
    spdlog::warn("{} Training goes on; the next epoch tries again.", error.what());
    return false;
  }
}

void Training::save() {
  if (ranks_.leads()) save_run(checkpoint_path(), task_, options_, *optimizer_, state_);
}

// Runs `body`, and if it meets a number that is not finite, finds the layer it comes from.
template <class Body>
void Training::explaining(const TrainingBatch& batch, Body body) {
  const LoaderCursor at = state_.next;
  try {
    body();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::non_finite) throw;
    state_.next = at;
    explain_non_finite(batch, error.what());
  }
}

// Runs the batch again, layer by layer, to name the first one that breaks.
void Training::explain_non_finite(const TrainingBatch& batch, const std::string& symptom) {
  std::string culprit;
  {
    const ObserverScope observing(task_.network, [&](const Observation& seen) {
      if (culprit.empty() && !finite(seen.output))
        culprit = fmt::format("layer '{}' ({})", seen.name, seen.kind);
    });
    const NoGradGuard no_grad;
    task_.network(batch.inputs.to(device_));
  }
  fail(ErrorCode::non_finite,
       "epoch {}, batch {}: {}. The first output that is not finite leaves {}. Try a lower --lr "
       "than {}; the last checkpoint is untouched.",
       state_.next.epoch + 1, state_.next.batch + 1, symptom,
       !culprit.empty()                  ? culprit
       : ranks_.mesh().shape().time == 1 ? "no layer, so it is the backward pass that overflows"
                                         : "no layer that begins this rank's steps at rest",
       options_.lr);
}

void Training::report(const Evaluation& evaluation) {
  const auto path = options_.output_dir / "report.html";
  Report report{
      .title = task_.program,
      .summary = {{"data", fmt::format("{}: {} {} to train, {} to test", task_.train->name(),
                                       task_.train->size(), task_.names.many, task_.test->size())},
                  {"parameters", fmt::format("{}", count_elements(parameters(task_.network)))},
                  {"time steps", fmt::format("{}", options_.steps)},
                  {"optimizer", fmt::format("{}, lr {}, {}", options_.optimizer, options_.lr,
                                            options_.scheduler)},
                  {"batch size", fmt::format("{}", options_.batch_size)},
                  {"seed", fmt::format("{}", options_.seed)},
                  {"machine", fmt::format("{}, {}", processor_name(), machine(device_))},
                  {"Ranvier revision", build_info().revision}},
      .samples = task_.names.many,
      .history = state_.history,
      .confusion = evaluation.confusion};
  report.summary.insert(report.summary.end(), task_.recipe.begin(), task_.recipe.end());
  write_training_report(path, std::move(report), task_, step_, ranks_);
  say("report  {}\nmetrics {}\n", path.string(), (options_.output_dir / "metrics.csv").string());
}

}  // namespace ranvier::apps
