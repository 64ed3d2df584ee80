#include "apps/support/program.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <exception>

#include "ranvier/core/autocast.h"
#include "ranvier/core/device.h"
#include "ranvier/core/error.h"
#include "ranvier/core/parallel.h"
#include "ranvier/core/random.h"

namespace ranvier::apps {

int run_program(const std::function<int()>& body) {
  // What goes wrong goes to stderr, one line each: "error: ...".
  spdlog::set_default_logger(spdlog::stderr_color_st("ranvier"));
  spdlog::set_pattern("%^%l%$: %v");
  try {
    return body();
  } catch (const std::exception& error) {
    std::fflush(stdout);
    spdlog::error("{}", error.what());
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
