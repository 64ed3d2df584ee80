// Looks into files of events, converts, makes and draws them.
#include <CLI/CLI.hpp>

#include "apps/data/commands.h"
#include "apps/support/run_program.h"

int main(int argc, char** argv) {
  using namespace ranvier::apps;
  CLI::App app("Looks into files of events of every format, converts, makes and draws them.",
               "ranvier-data");
  Chosen chosen;
  add_data_commands(app, chosen);
  return run_program(app, argc, argv, [&] { return chosen(); });
}
