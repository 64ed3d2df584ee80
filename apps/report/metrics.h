// What every epoch achieved, and the table of it that a run leaves behind.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace ranvier::apps {

/// One epoch of a run. What was not measured is NaN.
struct EpochMetrics {
  std::int64_t epoch = 0;  ///< counted from 1
  double train_loss = 0;
  double train_accuracy = 0;  ///< in [0, 1]
  double test_loss = 0;
  double test_accuracy = 0;      ///< in [0, 1]
  double seconds = 0;            ///< of training
  double images_per_second = 0;  ///< while training; recordings, if that is what it trains on
  double data_seconds = std::numeric_limits<double>::quiet_NaN();  ///< of training, spent waiting

  /// The share of training that was spent waiting for batches, in [0, 1].
  double data_share() const { return data_seconds / seconds; }
};

/// The epoch with the highest test accuracy, the first of equals; null if none has one.
const EpochMetrics* best_epoch(std::span<const EpochMetrics> history);

/// "best test accuracy 0.9346 (epoch 62)".
std::string best_epoch_text(const EpochMetrics& best);

/// The file metrics.csv: a header, then a row per epoch.
class MetricsLog {
 public:
  /// Replaces the file `path` by one with the rows of `history`: rows that a run wrote after the
  /// checkpoint it is resumed from are gone. `with_data_seconds` adds that column at the end.
  /// Error: `replace_file`'s.
  explicit MetricsLog(std::filesystem::path path, std::span<const EpochMetrics> history = {},
                      bool with_data_seconds = false);

  /// Adds a row, in the file when this returns. Error (io): it cannot be written, says why. The row
  /// is kept then, and the next `append` writes what the file lacks: a full disk costs no row if
  /// it is mended.
  void append(const EpochMetrics& row);

  const std::vector<EpochMetrics>& rows() const { return rows_; }

 private:
  void rewrite();
  std::string line(const EpochMetrics& row) const;

  std::filesystem::path path_;
  std::vector<EpochMetrics> rows_;
  bool with_data_seconds_;
  bool whole_ = false;  // the file has exactly `rows_`
};

}  // namespace ranvier::apps
