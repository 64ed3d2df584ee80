#include "apps/support/run_program.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>

#include "ranvier/core/build_info.h"
#include "ranvier/core/error.h"

namespace ranvier::apps {
namespace {

/// What goes wrong goes to stderr, one line each: "error: ...".
void start_log() {
  const char* const no_color = std::getenv("NO_COLOR");  // see no-color.org
  const bool plain = no_color != nullptr && *no_color != '\0';
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "ranvier", std::make_shared<spdlog::sinks::stderr_color_sink_st>(
                     plain ? spdlog::color_mode::never : spdlog::color_mode::automatic)));
  spdlog::set_pattern("%^%l%$: %v");
}

/// The status to end with, or nothing to go on.
std::optional<int> read_command_line(CLI::App& app, int argc, const char* const* argv) {
  const BuildInfo& build = build_info();
  app.set_version_flag("--version", fmt::format("Ranvier {} ({})", build.version, build.revision),
                       "Print which build this is and exit");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    fail(ErrorCode::invalid_argument, "{}; {} --help lists what there is.", error.what(),
         app.get_name());
  }
  return {};
}

void require_written(std::FILE* out) {
  if (std::fflush(out) != 0 || std::ferror(out) != 0)
    fail(ErrorCode::io, "standard output cannot be written: {}.", std::strerror(errno));
}

}  // namespace

int run_program(CLI::App& app, int argc, const char* const* argv,
                const std::function<int()>& body) {
  start_log();
  try {
    const std::optional<int> done = read_command_line(app, argc, argv);
    const int status = done ? *done : body();
    require_written(stdout);
    return status;
  } catch (const std::exception& error) {
    std::fflush(stdout);
    spdlog::error("{}", error.what());
    return 1;
  }
}

}  // namespace ranvier::apps
