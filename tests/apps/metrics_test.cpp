#include "apps/report/metrics.h"

#include <limits>

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::apps {
namespace {

using test::file_text;
using test::TemporaryFolder;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
const std::string header =
    "epoch,train_loss,train_acc,test_loss,test_acc,seconds,images_per_second\n";
const EpochMetrics first{1, 0.0123456789, 0.98765432, 1.5, 0.5, 61.239, 979.94};
const EpochMetrics second{2, 1e-7, 1, 2.25, 0.75, 60, 1000};
const std::string first_row = "1,0.0123457,0.9877,1.5,0.5000,61.24,979.9\n";
const std::string second_row = "2,1e-07,1.0000,2.25,0.7500,60.00,1000.0\n";

}  // namespace

TEST_CASE("the metrics file has a header and a row per epoch, each there at once") {
  const TemporaryFolder folder;
  const auto path = folder / "metrics.csv";
  MetricsLog log(path);
  CHECK(file_text(path) == header);
  log.append(first);
  CHECK(file_text(path) == header + first_row);
  log.append(second);
  CHECK(file_text(path) == header + first_row + second_row);
  CHECK(log.rows().size() == 2);
}

TEST_CASE("a resumed run drops the rows after its checkpoint and goes on") {
  const TemporaryFolder folder;
  const auto path = folder / "metrics.csv";
  {
    MetricsLog log(path);
    for (int i = 0; i < 3; ++i) log.append(first);
  }
  MetricsLog resumed(path, std::vector{first});
  CHECK(file_text(path) == header + first_row);
  resumed.append(second);
  CHECK(file_text(path) == header + first_row + second_row);
}

TEST_CASE("what was not measured is nan in the metrics file") {
  const TemporaryFolder folder;
  MetricsLog log(folder / "metrics.csv", std::vector{EpochMetrics{7, 0.5, 0.25, nan, nan, 1, 2}});
  CHECK(file_text(folder / "metrics.csv") == header + "7,0.5,0.2500,nan,nan,1.00,2.0\n");
}

TEST_CASE("the time waited for data is a last column, if asked for") {
  const TemporaryFolder folder;
  EpochMetrics row = second;
  row.data_seconds = 1.5;
  CHECK(row.data_share() == 0.025);
  MetricsLog log(folder / "metrics.csv", std::vector{first}, true);
  log.append(row);
  CHECK(file_text(folder / "metrics.csv") ==
        "epoch,train_loss,train_acc,test_loss,test_acc,seconds,images_per_second,data_seconds\n"
        "1,0.0123457,0.9877,1.5,0.5000,61.24,979.9,nan\n"
        "2,1e-07,1.0000,2.25,0.7500,60.00,1000.0,1.500\n");
}

TEST_CASE("a row that could not be written is made up for by the next one") {
  const TemporaryFolder folder;
  const auto path = folder / "metrics.csv";
  MetricsLog log(path);
  std::filesystem::remove(path);
  std::filesystem::create_symlink("/dev/full", path);
  CHECK_ERROR(log.append(first), ErrorCode::io,
              "[metrics] cannot write " + path.string() + ": No space left on device.");
  std::filesystem::remove(path);
  log.append(second);
  CHECK(file_text(path) == header + first_row + second_row);
}

TEST_CASE("a metrics file in a missing folder is refused at once") {
  const TemporaryFolder folder;
  CHECK_ERROR(MetricsLog(folder / "none/metrics.csv"), ErrorCode::io,
              "/none/metrics.csv.tmp: No such file or directory.");
}

TEST_CASE("the best epoch is the first with the highest test accuracy") {
  CHECK(best_epoch({}) == nullptr);
  CHECK(best_epoch(std::vector{EpochMetrics{.epoch = 1, .test_accuracy = nan}}) == nullptr);
  const std::vector<EpochMetrics> history{{.epoch = 1, .test_accuracy = nan},
                                          {.epoch = 2, .test_accuracy = 0.93456},
                                          {.epoch = 3, .test_accuracy = 0.93456},
                                          {.epoch = 4, .test_accuracy = 0.1}};
  REQUIRE(best_epoch(history) != nullptr);
  CHECK(best_epoch_text(*best_epoch(history)) == "best test accuracy 0.9346 (epoch 2)");
}

}  // namespace ranvier::apps
