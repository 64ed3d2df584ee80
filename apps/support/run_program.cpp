#include "apps/support/run_program.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <exception>

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

}  // namespace ranvier::apps
