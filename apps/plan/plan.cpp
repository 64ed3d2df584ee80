#include "apps/plan/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>

#include "apps/plan/meter.h"
#include "apps/plan/text.h"
#include "apps/plan/timeline.h"
#include "apps/plan/trial.h"
#include "apps/support/output_file.h"
#include "apps/tasks/train_options.h"
#include "ranvier/core/build_info.h"
#include "ranvier/core/parallel.h"
#include "ranvier/distributed/core_share.h"
#include "ranvier/distributed/measure_link.h"
#include "ranvier/layers/shard_context.h"

namespace ranvier::apps {
namespace {

const std::vector<int> table_ranks{2, 4, 8, 16, 32, 64};
const std::vector<std::int64_t> table_steps{32, 64, 128, 256, 512, 1024, 2048, 4096};

void check(const PlanOptions& o) {
  const auto at_least = [](const char* option, std::int64_t value, std::int64_t least) {
    RV_CHECK(value >= least, "--{} must be >= {}; got {}.", option, least, value);
  };
  at_least("T", o.steps, 1);
  at_least("batch", o.batch, 1);
  at_least("ranks", o.ranks, 0);
  at_least("state-pieces", o.state_pieces, 0);
  at_least("threads", o.threads, 0);
  at_least("runs", o.runs, 1);
  at_least("measure-steps", o.measure_steps, 2);
  at_least("time-shards", o.time_shards, 0);
  for (const double latency : o.link_latency)
    RV_CHECK(latency >= 0, "--link-latency must be >= 0 us; got {}.", latency);
  for (const double bandwidth : o.link_bandwidth)
    RV_CHECK(bandwidth > 0, "--link-bandwidth must be > 0 GB/s; got {}.", bandwidth);
  const std::size_t links = std::max(o.link_latency.size(), o.link_bandwidth.size());
  RV_CHECK(links <= 1 || (o.table && o.link_latency.size() == o.link_bandwidth.size()),
           "several links are for --table, as many --link-latency as --link-bandwidth; got {} and "
           "{}.",
           o.link_latency.size(), o.link_bandwidth.size());
  RV_CHECK(o.time_shards == 0 || !o.simulate.empty(),
           "--time-shards chooses the mesh that --simulate draws; name its file.");
  RV_CHECK(o.simulate.empty() || o.simulate.extension() == ".svg",
           "--simulate writes an .svg file; got '{}'.", o.simulate.string());
  RV_CHECK(!o.table || o.simulate.empty(), "--table does not draw; leave out --simulate.");
}

class Planner {
 public:
  Planner(PlanOptions options, Transport* transport)
      : o_(std::move(options)),
        transport_(transport),
        meter_({.model = o_.model,
                .norm = batch_norm_mode(o_.bn_mode),
                .device = parse_device(o_.device),
                .state_pieces = o_.state_pieces,
                .speculate = o_.speculate,
                .runs = o_.runs,
                .most_steps = o_.measure_steps}) {
    if (transport_ != nullptr && transport_->size() == 1) transport_ = nullptr;
    if (o_.ranks == 0) o_.ranks = transport_ != nullptr ? transport_->size() : 8;
  }

  int run() {
    if (transport_ != nullptr) share_ = core_share(Group::all(*transport_));
    if (o_.threads == 0) limit_threads(share_);
    if (transport_ != nullptr && (o_.link_latency.empty() || o_.link_bandwidth.empty())) {
      link_ = measure_link(Group::all(*transport_), meter_.options().device);
      link_measured_ = true;
    }
    choose_link(0);
    return o_.table ? table() : meshes();
  }

 private:
  bool talks() const { return transport_ == nullptr || transport_->rank() == 0; }
  void choose_link(std::size_t index) {
    if (index < o_.link_latency.size()) link_.latency = 1e-6 * o_.link_latency[index];
    if (index < o_.link_bandwidth.size()) link_.bandwidth = 1e9 * o_.link_bandwidth[index];
  }
  /// Ranks go on together, so that what they measure at the same time is as when they train.
  void meet() const {
    if (transport_ != nullptr) barrier(Group::all(*transport_));
  }

  int table() {
    RV_CHECK(transport_ == nullptr, "--table is made by one process; leave out mpirun.");
    fmt::print("{}, batch {}, batch norm {}\n", o_.model.model, o_.batch, o_.bn_mode);
    for (std::size_t i = 0; i < std::max<std::size_t>(1, o_.link_latency.size()); ++i) {
      choose_link(i);
      std::vector<std::vector<double>> speedups;
      for (const int ranks : table_ranks) {
        speedups.emplace_back();
        for (const std::int64_t steps : table_steps)
          speedups.back().push_back(steps < ranks ? 0 : speedup(ranks, steps));
      }
      fmt::print("\nA link of {}:\n\n{}", to_string(link_),
                 speedup_table(table_ranks, table_steps, speedups));
    }
    return 0;
  }

  int meshes() {
    const std::vector<Plan> plans = possible_meshes();
    NetworkProfile whole;
    if (talks()) {  // while the others wait
      whole = meter_.profile({}, o_.steps, o_.batch);
      print_heading();
      fmt::print("{}\n", stage_table(whole));
      std::fflush(stdout);
    }
    std::vector<PlannedMesh> meshes;
    for (const Plan& plan : plans) {
      meet();
      meshes.push_back({plan, predict(part_profile(plan), plan)});
      if (transport_ != nullptr && plan.mesh.ranks() == transport_->size())
        meshes.back().measured =
            measured_step(meter_.options(), Mesh(*transport_, plan.mesh), o_.steps, o_.batch);
    }
    if (!talks()) return 0;
    fmt::print("A step over {} ranks{}\n{}\n", o_.ranks,
               transport_ != nullptr ? ", times in ms" : "",
               mesh_table(meshes, predict(whole, plan({}, o_.steps)).step));
    print_notes();
    if (!o_.simulate.empty()) simulate(meshes);
    return 0;
  }

  Plan plan(MeshShape mesh, std::int64_t steps) const {
    return {.mesh = mesh,
            .steps = steps,
            .batch = o_.batch,
            .state_pieces = o_.state_pieces,
            .speculate = o_.speculate,
            .link = link_};
  }

  std::vector<Plan> possible_meshes() const {
    std::vector<Plan> plans;
    for (int time = 1; time <= o_.ranks; ++time)
      if (o_.ranks % time == 0 && time <= o_.steps && o_.ranks / time <= o_.batch)
        plans.push_back(plan({.data = o_.ranks / time, .time = time}, o_.steps));
    RV_CHECK(!plans.empty(),
             "no mesh of {} ranks fits: a rank needs a time step and a sample of its own; "
             "got T = {} and a batch of {}.",
             o_.ranks, o_.steps, o_.batch);
    const bool drawn = std::any_of(plans.begin(), plans.end(), [&](const Plan& plan) {
      return plan.mesh.time == o_.time_shards;
    });
    RV_CHECK(o_.time_shards == 0 || drawn,
             "--time-shards {}: {} ranks, T = {} and a batch of {} do not make such a mesh.",
             o_.time_shards, o_.ranks, o_.steps, o_.batch);
    return plans;
  }

  NetworkProfile part_profile(const Plan& plan) {
    return meter_.profile(plan.mesh, plan.steps, plan.batch);
  }

  /// From a rank's part of two lengths, whatever `ranks`: a table is made of few measurements. One
  /// rank computes in the same way, but for batch norm over all steps, which it fuses.
  double speedup(int ranks, std::int64_t steps) {
    const auto reckoned = [&](MeshShape mesh, std::int64_t part) {
      return meter_.reckoned(mesh, part * mesh.time, o_.batch);
    };
    const MeshShape two{.time = 2};
    const bool fused = meter_.options().norm == BatchNormMode::batch;
    const NetworkProfile whole = reckoned(fused ? MeshShape{} : two, steps);
    NetworkProfile shared = reckoned(two, Slice::of(steps, 0, ranks).length());
    shared.loss = whole.loss;  // of all steps, on every rank
    shared.all_steps = whole.all_steps;
    return predict(whole, plan({}, steps)).step /
           predict(shared, plan({.time = ranks}, steps)).step;
  }

  void print_heading() const {
    const Device device = meter_.options().device;
    const PlanModel model = plan_model(o_.model, {});
    fmt::print("{}: T = {}, batch {}, batch norm {}, {}\n{}, {}\n\n", o_.model.model, o_.steps,
               o_.batch, o_.bn_mode, model.input_text,
               device == cpu_device ? processor_name() : describe(device),
               device == cpu_device ? fmt::format("{} thread(s)", num_threads()) : "f32");
    fmt::print("One rank, all {} steps{}\n", o_.steps,
               meter_.has_reckoned() ? fmt::format(", reckoned from {}", o_.measure_steps) : "");
  }

  void print_notes() const;
  void simulate(const std::vector<PlannedMesh>& meshes);

  PlanOptions o_;
  Transport* transport_;  // of several ranks, or null
  Link link_{.latency = 1e-5, .bandwidth = 1e10};
  bool link_measured_ = false;
  CoreShare share_{.ranks = 1, .cores = num_threads()};
  PlanMeter meter_;
};

void Planner::print_notes() const {
  std::string waits =
      "at once: no dependency in time; chain: starts when the state of the rank before\n"
      "has come; static: all steps have one input, of which every rank computes all\n"
      "samples or, where that pays, some; on all: every rank computes it whole";
  if (o_.bn_mode == "sync") waits += ";\nsums: ranks meet to add up statistics";
  const std::string sizes =
      meter_.has_reckoned()
          ? fmt::format("up to {} steps;\n          longer parts lie on a line through two lengths",
                        o_.measure_steps)
          : "the part of a rank";
  const std::string turns =
      share_.scarce(num_threads())
          ? fmt::format(";\n          that {} ranks of {} thread(s) wait for {} core(s)",
                        share_.ranks, num_threads(), share_.cores)
          : "";
  fmt::print(
      "{}.\n"
      "measured  stages, loss and optimizer, medians of {}, on {}{}\n"
      "assumed   {}{};\n"
      "          random inputs and weights that have learned nothing\n"
      "left out  loading, logging, memory of temporaries{}\n",
      waits, o_.runs, sizes,
      link_measured_ ? fmt::format(";\n          a link of {}", to_string(link_)) : "",
      link_measured_ ? "" : fmt::format("a link of {}; ", to_string(link_)),
      transport_ != nullptr ? "all ranks are as fast as rank 0" : "ranks as fast as this process",
      turns);
}

void Planner::simulate(const std::vector<PlannedMesh>& meshes) {
  const auto shown = o_.time_shards == 0
                         ? fastest(meshes)
                         : std::find_if(meshes.begin(), meshes.end(), [&](const PlannedMesh& mesh) {
                             return mesh.plan.mesh.time == o_.time_shards;
                           });
  const auto& [plan, prediction, measured] = *shown;
  const std::string title = fmt::format(
      "{}, T = {}, batch {}, batch norm {}: {} time x {} data shard(s), {:.3g} ms a step, "
      "{:.0f} % waiting",
      o_.model.model, o_.steps, o_.batch, o_.bn_mode, plan.mesh.time, plan.mesh.data,
      1000 * prediction.step, 100 * prediction.waiting);
  const Drawing drawing = plan_timeline(part_profile(plan), prediction, title);
  replace_file("plan", o_.simulate, to_svg(drawing));
  fmt::print("{}\n", o_.simulate.string());
}

}  // namespace

void add_plan_options(CLI::App& app, PlanOptions& o) {
  const auto add = [&](const char* name, auto& value, const char* group, const std::string& help) {
    app.add_option(name, value, help)->capture_default_str()->group(group);
  };
  add("--model", o.model.model, "Network", fmt::format("{}", fmt::join(plan_model_names(), "|")));
  add("--channels", o.model.channels, "Network", "Of convolutions; 0: the network's own");
  add("--hidden", o.model.hidden, "Network", "Neurons of hidden layers; 0: the network's");
  add("--T,--steps", o.steps, "Network", "Time steps of a sample");
  add("--batch,--batch-size", o.batch, "Network", "Samples of a step over all ranks");
  add("--bn-mode", o.bn_mode, "Network", "Statistics of batch norm: sync, step or frozen");
  add("--ranks", o.ranks, "Ranks", "That share a step; 0: those of mpirun, else 8");
  add("--state-pieces", o.state_pieces, "Ranks", "In which a state is sent; 0: as trainers do");
  app.add_flag("--speculate", o.speculate, "Time shards begin before their states are there")
      ->group("Ranks");
  const auto link = [&](const char* name, auto& value, const char* help) {
    app.add_option(name, value, help)->group("Ranks");
  };
  link("--link-latency", o.link_latency, "us on the way (mpirun: measured; else 10)");
  link("--link-bandwidth", o.link_bandwidth, "GB/s, 1e9 bytes (mpirun: measured; else 10)");
  add("--device", o.device, "Measuring", "cpu or cuda[:index]");
  add("--threads", o.threads, "Measuring", "Threads of a rank; 0: one per core");
  add("--runs", o.runs, "Measuring", "Counted runs of each; medians are taken");
  add("--measure-steps", o.measure_steps, "Measuring", "Run no more time steps; reckon beyond");
  app.add_option("--simulate", o.simulate, "Draw ranks over time into this .svg file")
      ->group("Output");
  add("--time-shards", o.time_shards, "Output", "Of the mesh to draw; 0: the fastest");
  app.add_flag("--table", o.table, "Print speed-ups of 2 to 64 time shards as Markdown")
      ->group("Output");
}

int run_plan(const PlanOptions& options, Transport* transport) {
  check(options);
  require_available(parse_device(options.device));
  if (options.threads > 0) set_num_threads(options.threads);
  return Planner(options, transport).run();
}

}  // namespace ranvier::apps
