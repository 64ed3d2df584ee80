#include "apps/training/train.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>

#include "apps/training/training.h"
#include "ranvier/core/device.h"
#include "ranvier/core/error.h"
#include "ranvier/core/parallel.h"
#include "ranvier/core/random.h"
#include "ranvier/distributed/core_share.h"

namespace ranvier::apps {

void prepare(const TrainOptions& options) {
  check_train_options(options);
  require_available(parse_device(options.device));
  if (options.threads > 0) set_num_threads(options.threads);
  seed(options.seed);
}

namespace {

/// Errors and warnings of several ranks name theirs; what the first says about the run is enough.
void speak_as(const Ranks& ranks) {
  const Transport& transport = ranks.mesh().transport();
  spdlog::set_pattern(fmt::format("%^%l%$: {}: %v", transport.describe(transport.rank())));
  if (!ranks.leads() && std::freopen("/dev/null", "w", stdout) == nullptr)
    fail(ErrorCode::io, "/dev/null cannot be opened.");
}

/// Several ranks share the cores, unless the user gave them threads.
void share_cores(const Ranks& ranks, const TrainOptions& options) {
  const CoreShare share = core_share(ranks.mesh().all());
  if (options.threads == 0) limit_threads(share);
  if (ranks.leads() && options.device == "cpu" && share.scarce(num_threads()))
    spdlog::warn("{} ranks of {} thread(s) take turns on {} core(s).", share.ranks, num_threads(),
                 share.cores);
}

}  // namespace

int train(TrainOptions& options, const std::function<Task(const Ranks&)>& make_task) {
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);  // a log file shows each epoch as it ends
  check_train_options(options);
  options.device = device_of_rank(options.device);
  const Ranks ranks(open_transport(options), options);
  if (!ranks.alone()) speak_as(ranks);
  try {
    prepare(options);
    if (!ranks.alone()) share_cores(ranks, options);
    std::optional<Task> task;
    ranks.in_turns([&] { task = make_task(ranks); });
    return Training(*task, options, ranks).run();
  } catch (const std::exception& error) {
    if (!ranks.alone()) ranks.abort(error.what());
    throw;
  }
}

}  // namespace ranvier::apps
