// What every program does around its own work.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace ranvier::apps {

/// Reads the command line by what `app` knows and `--version`, runs `body` and returns its exit
/// status. An error of either is printed as one line and becomes status 1; so does a standard
/// output that could not be written.
int run_program(CLI::App& app, int argc, const char* const* argv, const std::function<int()>& body);

}  // namespace ranvier::apps
