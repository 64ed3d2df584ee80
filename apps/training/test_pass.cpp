#include "apps/training/test_pass.h"

#include <algorithm>

#include "ranvier/core/tape.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/reduce/extrema.h"

namespace ranvier::apps {
namespace {

const Group& testers(Task& task, const Mesh& mesh) {
  return task.network.shown_steps() > 0 ? mesh.all() : mesh.data_column();
}

LoaderOptions batches(const TrainOptions& o, const Group& testers) {
  return {.batch_size = o.batch_size,
          .workers = o.workers,
          .part = {.index = testers.index(), .count = testers.size()}};
}

/// Counts predictions in `confusion` [true class, predicted class].
void count(const Tensor& scores, const Tensor& labels, std::vector<std::int64_t>& confusion) {
  const std::int64_t classes = scores.size(1);
  const Tensor predicted = argmax(scores, {-1}).to(cpu_device), truth = labels.to(cpu_device);
  for (std::int64_t i = 0; i < truth.size(0); ++i)
    ++confusion[static_cast<std::size_t>(truth.data<std::int64_t>()[i] * classes +
                                         predicted.data<std::int64_t>()[i])];
}

}  // namespace

TestPass::TestPass(Task& task, const TrainOptions& options, const Ranks& ranks, TrainStep& step)
    : task_(task),
      ranks_(ranks),
      step_(step),
      device_(parse_device(options.device)),
      testers_(testers(task, ranks.mesh())),
      feed_(task.test->feed(batches(options, testers_))) {}

std::optional<Evaluation> TestPass::run(const StopSignal& stop, const ProgressOptions& shown) {
  const NoGradGuard no_grad;
  set_training(task_.network, false);
  const std::size_t classes = task_.test->classes().size();
  Evaluation result{.confusion = std::vector<std::int64_t>(classes * classes)};
  const Totals& totals = result.totals;
  Progress progress("testing", task_.test->size(), shown);
  const auto pass = feed_->epoch({});
  while (const TrainingBatch* batch = pass->next()) {
    if (ranks_.any(stop.requested())) break;
    if (batch->size() == 0) continue;  // the last batch may be too small for all ranks
    add(on_device(*batch, device_), result);
    progress.update(totals.samples * testers_.size(), totals.mean_loss(), totals.accuracy());
  }
  if (ranks_.any(stop.requested())) return std::nullopt;
  if (!ranks_.alone()) add_up(result);
  return result;
}

/// Of samples that only this rank has, or of those that its time row has in common.
Tensor TestPass::output(const Tensor& inputs) {
  const bool along_time = testers_.size() < ranks_.mesh().all().size();
  return along_time ? step_.evaluate(inputs) : task_.network(inputs);
}

void TestPass::add(const TrainingBatch& batch, Evaluation& sum) {
  const Tensor scores = task_.scores(output(batch.inputs), batch.lengths);
  const double loss = task_.loss(scores, batch.labels).item();
  sum.totals.loss += loss * static_cast<double>(batch.size());
  sum.totals.correct += count_correct(scores, batch.labels);
  sum.totals.samples += batch.size();
  count(scores, batch.labels, sum.confusion);
}

// What each rank found in its part of the test set.
void TestPass::add_up(Evaluation& result) const {
  Totals& totals = result.totals;
  std::vector<double> values(result.confusion.begin(), result.confusion.end());
  values.insert(values.end(), {totals.loss, static_cast<double>(totals.correct),
                               static_cast<double>(totals.samples)});
  Tensor sums = from_vector(values, {static_cast<std::int64_t>(values.size())});
  all_reduce(testers_, sums);
  const double* const all = sums.data<double>();
  std::copy_n(all, result.confusion.size(), result.confusion.begin());
  totals.loss = all[values.size() - 3];
  totals.correct = static_cast<std::int64_t>(all[values.size() - 2]);
  totals.samples = static_cast<std::int64_t>(all[values.size() - 1]);
}

}  // namespace ranvier::apps
