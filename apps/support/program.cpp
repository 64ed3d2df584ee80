#include "apps/support/program.h"

#include <fmt/core.h>

#include <cstdio>
#include <exception>

#include "ranvier/core/autocast.h"
#include "ranvier/core/device.h"
#include "ranvier/core/error.h"
#include "ranvier/core/parallel.h"
#include "ranvier/core/random.h"

namespace ranvier::apps {

int run_program(const std::function<int()>& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    std::fflush(stdout);
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}

void prepare(const TrainOptions& options) {
  check_train_options(options);
  require_available(parse_device(options.device));
  if (options.threads > 0) set_num_threads(options.threads);
  seed(options.seed);
}

}  // namespace ranvier::apps
