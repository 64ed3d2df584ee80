#include "apps/report/metrics.h"

#include <fmt/core.h>

#include <cmath>
#include <utility>

#include "apps/support/output_file.h"

namespace ranvier::apps {
namespace {

constexpr const char* writer = "metrics";
constexpr const char* header =
    "epoch,train_loss,train_acc,test_loss,test_acc,seconds,images_per_second";

}  // namespace

const EpochMetrics* best_epoch(std::span<const EpochMetrics> history) {
  const EpochMetrics* best = nullptr;
  for (const EpochMetrics& row : history) {
    if (std::isnan(row.test_accuracy)) continue;
    if (best == nullptr || row.test_accuracy > best->test_accuracy) best = &row;
  }
  return best;
}

std::string best_epoch_text(const EpochMetrics& best) {
  return fmt::format("best test accuracy {:.4f} (epoch {})", best.test_accuracy, best.epoch);
}

MetricsLog::MetricsLog(std::filesystem::path path, std::span<const EpochMetrics> history,
                       bool with_data_seconds)
    : path_(std::move(path)),
      rows_(history.begin(), history.end()),
      with_data_seconds_(with_data_seconds) {
  rewrite();
}

void MetricsLog::append(const EpochMetrics& row) {
  rows_.push_back(row);
  if (!whole_) return rewrite();
  whole_ = false;
  append_to_file(writer, path_, line(row));
  whole_ = true;
}

std::string MetricsLog::line(const EpochMetrics& row) const {
  std::string text = fmt::format("{},{:.6g},{:.4f},{:.6g},{:.4f},{:.2f},{:.1f}", row.epoch,
                                 row.train_loss, row.train_accuracy, row.test_loss,
                                 row.test_accuracy, row.seconds, row.images_per_second);
  if (with_data_seconds_) text += fmt::format(",{:.3f}", row.data_seconds);
  return text + "\n";
}

void MetricsLog::rewrite() {
  std::string content = header;
  content += with_data_seconds_ ? ",data_seconds\n" : "\n";
  for (const EpochMetrics& row : rows_) content += line(row);
  replace_file(writer, path_, content);
  whole_ = true;
}

}  // namespace ranvier::apps
