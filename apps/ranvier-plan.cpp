// Predicts what a training step takes over several ranks, and which mesh of them is the fastest.
#include <CLI/CLI.hpp>

#include "apps/plan/plan.h"
#include "apps/support/run_program.h"
#include "ranvier/distributed/mpi_transport.h"

int main(int argc, char** argv) {
  using namespace ranvier::apps;
  PlanOptions options;
  CLI::App app("Predicts a training step over several ranks from times measured here.",
               "ranvier-plan");
  add_plan_options(app, options);
  return run_program(app, argc, argv, [&] {
    if (!ranvier::launched_by_mpi()) return run_plan(options);
    int status = 0;
    ranvier::run_mpi([&](ranvier::Transport& ranks) { status = run_plan(options, &ranks); });
    return status;
  });
}
