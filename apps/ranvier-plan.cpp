// Predicts what a training step takes over several ranks, and which mesh of them is the fastest.
#include <CLI/CLI.hpp>

#include "apps/support/plan.h"
#include "apps/support/program.h"

int main(int argc, char** argv) {
  using namespace ranvier::apps;
  PlanOptions options;
  CLI::App app("Predicts a training step over several ranks from times measured here.",
               "ranvier-plan");
  add_plan_options(app, options);
  CLI11_PARSE(app, argc, argv);
  return run_program([&] { return run_plan(options); });
}
