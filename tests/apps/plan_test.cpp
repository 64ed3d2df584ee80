#include "apps/plan/plan.h"

#include <CLI/CLI.hpp>

#include <sstream>

#include "apps/plan/meter.h"
#include "apps/plan/text.h"
#include "apps/plan/timeline.h"
#include "apps/plan/trial.h"
#include "ranvier/distributed/local_transport.h"
#include "tests/apps/markup.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

using namespace ranvier;
using namespace ranvier::apps;
using Catch::Matchers::Contains;

namespace {

void check_width(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    CHECK(line.size() <= 80);
    CHECK((line.empty() || line.back() != ' '));
  }
}

/// Two stages, of which ranks run the second one after another.
NetworkProfile small_profile() {
  return {.steps = 8,
          .batch = 4,
          .all_steps = 8,
          .stages = {{.name = "0", .kind = "Linear", .forward = 2e-3, .backward = 4e-3},
                     {.name = "1-3",
                      .kind = "BatchNorm Neuron MaxPool2d",
                      .forward = 8e-3,
                      .backward = 1e-2,
                      .chained = true,
                      .state_bytes = 4096}},
          .update = 1e-3};
}

const Plan two_ranks{.mesh = {.time = 2}, .steps = 8, .batch = 4, .link = {1e-5, 1e10}};

}  // namespace

TEST_CASE("every network of the catalogue can be planned") {
  for (const std::string& name : plan_model_names()) {
    INFO(name);
    PlanMeter meter({.model = {.model = name}, .runs = 1, .most_steps = 8});
    const NetworkProfile profile = meter.profile({}, 2, 3);
    CHECK(profile.steps == 2);
    CHECK(profile.batch == 3);
    CHECK(profile.update > 0);
    CHECK(profile.optimizer_bytes >= profile.weight_bytes());
    CHECK_FALSE(meter.has_reckoned());
    check_width(stage_table(profile));
  }
}

TEST_CASE("longer sequences are reckoned from shorter ones") {
  PlanMeter meter({.model = {.model = "recurrent", .hidden = 8}, .runs = 1, .most_steps = 16});
  const NetworkProfile profile = meter.profile({}, 1000, 2);
  CHECK(meter.has_reckoned());
  CHECK(profile.steps == 1000);
  CHECK(profile.output_bytes == 1000 * 2 * 20 * 4);
  CHECK(profile.stages[1].forward >= meter.profile({}, 16, 2).stages[1].forward);
}

TEST_CASE("tables of stages and meshes fit 80 columns and mark the fastest mesh") {
  const NetworkProfile profile = small_profile();
  const std::string stages = stage_table(profile);
  check_width(stages);
  CHECK_THAT(stages, Contains("1-3") && Contains("BatchNorm Neuron MaxPool2d") &&
                         Contains("chain") && Contains("at once") && Contains("4.10"));
  Plan data = two_ranks;
  data.mesh = {.data = 2};
  const std::string meshes =
      mesh_table({{data, predict(profile, data)}, {two_ranks, predict(profile, two_ranks)}},
                 predict(profile, {.steps = 8, .batch = 4}).step);
  check_width(meshes);
  CHECK(test::occurrences(meshes, "best") == 1);
  CHECK_THAT(meshes, Contains("2 x 1      13.0     1.92   96 %     0 %"));
  const std::string measured =
      mesh_table({{two_ranks, predict(profile, two_ranks), 0.0125}}, 0.025);
  check_width(measured);
  CHECK_THAT(measured, Contains("predicted  measured") && Contains("12.5"));
}

TEST_CASE("speed-ups are a Markdown table with a dash for what cannot be") {
  CHECK(speedup_table({2, 64}, {32, 128}, {{1.5, 1.987}, {0, 33.33}}) ==
        "| ranks | T = 32 | T = 128 |\n|---|---|---|\n"
        "| 2 | 1.50 | 1.99 |\n| 64 | - | 33.3 |\n");
}

TEST_CASE("a timeline draws each rank's stages and its waiting") {
  const NetworkProfile profile = small_profile();
  const Drawing drawing = plan_timeline(profile, predict(profile, two_ranks), "two <ranks>");
  const std::string svg = to_svg(drawing);
  CHECK(test::markup_fault(svg) == "");
  CHECK_THAT(svg, Contains("two &lt;ranks&gt;") && Contains(">rank 1<") && Contains(">waiting<"));
  CHECK(test::occurrences(svg, ">1-3<") == 4);
  for (const Drawing::Layer& layer : drawing.layers)
    for (const Drawing::Box& box : layer.boxes) {
      CHECK(box.x >= 0);
      CHECK(box.x + box.width <= static_cast<double>(drawing.width));
      CHECK(box.y + box.height <= static_cast<double>(drawing.height));
    }
}

TEST_CASE("ranks that plan together measure their link and the step") {
  const PlanMeterOptions options{.model = {.model = "recurrent", .hidden = 8}, .runs = 2};
  std::vector<double> seconds(4);
  std::vector<int> status(4, -1);
  run_local(4, [&](Transport& transport) {
    const auto rank = static_cast<std::size_t>(transport.rank());
    seconds[rank] = measured_step(options, Mesh(transport, {.data = 2, .time = 2}), 6, 4);
    PlanOptions plan;
    plan.model = options.model;
    plan.steps = 6, plan.batch = 4, plan.runs = 1;
    status[rank] = run_plan(plan, &transport);
  });
  CHECK(seconds[0] > 0);
  CHECK(seconds == std::vector<double>(4, seconds[0]));
  CHECK(status == std::vector<int>(4, 0));
}

TEST_CASE("ranvier-plan refuses what makes no sense") {
  using Change = void (*)(PlanOptions&);
  const auto refuse = [](Change change, const char* message) {
    PlanOptions options;
    options.model.model = "recurrent";
    options.model.hidden = 4;
    change(options);
    CHECK_ERROR(run_plan(options), ErrorCode::invalid_argument, message);
  };
  refuse([](PlanOptions& o) { o.model.model = "resnet"; },
         "--model must be one of adaptive, csnn, event-cnn, event-mlp, mlp, recurrent; got "
         "'resnet'.");
  refuse([](PlanOptions& o) { o.model.channels = 4; }, "--channels is not an option of recurrent");
  refuse([](PlanOptions& o) { o.model.model = "csnn"; }, "--hidden is not an option of csnn");
  refuse([](PlanOptions& o) { o.steps = 0; }, "--T must be >= 1; got 0.");
  refuse([](PlanOptions& o) { o.bn_mode = "batch"; },
         "--bn-mode must be sync, step or frozen; got 'batch'.");
  refuse([](PlanOptions& o) { o.link_bandwidth = {0}; },
         "--link-bandwidth must be > 0 GB/s; got 0.");
  refuse(
      [](PlanOptions& o) {
        o.link_latency = {1, 2};
      },
      "several links are for --table, as many --link-latency as --link-bandwidth; got 2 and 0.");
  refuse([](PlanOptions& o) { o.simulate = "x.png"; }, "--simulate writes an .svg file");
  refuse([](PlanOptions& o) { o.simulate = "x.svg", o.time_shards = 3; },
         "--time-shards 3: 8 ranks, T = 64 and a batch of 16 do not make such a mesh.");
  refuse([](PlanOptions& o) { o.time_shards = 2; }, "--time-shards chooses the mesh");
  refuse([](PlanOptions& o) { o.simulate = "x.svg", o.table = true; }, "--table does not draw");
  refuse([](PlanOptions& o) { o.steps = 4, o.batch = 3, o.ranks = 7; },
         "no mesh of 7 ranks fits: a rank needs a time step and a sample of its own; got T = 4 and "
         "a batch of 3.");
  PlanOptions nowhere;
  nowhere.device = "gpu";
  CHECK_ERROR(run_plan(nowhere), ErrorCode::device, "gpu");
}

TEST_CASE("ranvier-plan's help fits 80 columns and names every option's default") {
  PlanOptions options;
  CLI::App app("Predicts.", "ranvier-plan");
  add_plan_options(app, options);
  std::istringstream help(app.help());
  for (std::string line; std::getline(help, line);) {
    INFO(line);
    CHECK(line.size() <= 80);
  }
  CHECK_THAT(app.help(), Contains("--ranks INT=0") && Contains("us on the way"));
}
