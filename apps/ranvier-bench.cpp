// The benchmarks of docs/benchmarks.md.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <optional>

#include "apps/bench/benchmark.h"
#include "apps/bench/compare.h"
#include "apps/support/run_program.h"
#include "ranvier/core/autotune.h"
#include "ranvier/core/build_info.h"
#include "ranvier/core/dispatch.h"
#include "ranvier/core/parallel.h"

namespace {

using namespace ranvier::apps;
using Group = std::function<std::vector<Measurement>(const BenchOptions&)>;

const std::map<std::string, Group> groups{{"copy", bench_copy},
                                          {"neurons", bench_neurons},
                                          {"delays", bench_delays},
                                          {"fused", bench_fused},
                                          {"linear-lif", bench_linear_lif},
                                          {"products", bench_products},
                                          {"feed", bench_feed},
                                          {"csnn", bench_csnn},
                                          {"mlp", bench_mlp},
                                          {"ssc", bench_ssc},
                                          {"shards", bench_shards}};

std::string machine(ranvier::Device device) {
  if (device != ranvier::cpu_device) return ranvier::describe(device);
  return fmt::format("{}, {} thread(s), {} kernels", ranvier::processor_name(),
                     ranvier::num_threads(), ranvier::name(ranvier::isa_level()));
}

void print(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

void print_peers(const CompareOptions& compare, const BenchOptions& options,
                 const std::vector<std::string>& groups, const std::vector<Measurement>& measured,
                 bool json) {
  if (!json) print("\n" + compare_heading());
  measure_peers(compare, options, groups, measured, [&](const PeerLine& peer) {
    if (!peer.skipped.empty()) return print(json ? to_skipped_json(peer) : to_skipped_row(peer));
    if (const Measurement* ours = ours_beside(peer, measured))
      print(json ? to_compare_json(*ours, peer) : to_compare_row(*ours, peer));
  });
}

int run(const std::vector<std::string>& names, const BenchOptions& options,
        const std::optional<CompareOptions>& compare, bool json) {
  std::vector<std::string> of_peers;
  if (compare) {
    of_peers = groups_of_peers(names);
    require_script(*compare);
  }
  if (!json)
    fmt::print("Ranvier {} on {}, median of {} runs\n{}\n", ranvier::build_info().revision,
               machine(options.device), options.runs, row_heading());
  std::vector<Measurement> measured;
  for (const std::string& name : names)
    for (const Measurement& m : groups.at(name)(options)) {
      print(json ? to_json_line(m) : to_row(m));
      measured.push_back(m);
    }
  if (compare) print_peers(*compare, options, of_peers, measured, json);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Times kernels and training steps on this machine.", "ranvier-bench");
  std::vector<std::string> names;
  BenchOptions options;
  int threads = 0;
  bool json = false, compares = false, timed = false;
  CompareOptions compare;
  std::string device = "cpu";
  const CLI::Validator positive =
      CLI::Range(std::int64_t{1}, std::int64_t{1} << 40).description("");
  app.add_option(
         "groups", names,
         "What to time (default: all): copy, csnn, delays,\nfeed, fused, linear-lif, mlp, neurons, "
         "products,\nshards, ssc")
      ->check(CLI::IsMember(groups).description(""));
  app.add_option("--runs", options.runs, "Counted runs of each; the median is given")
      ->capture_default_str()
      ->check(positive);
  app.add_option("--batch-size", options.batch, "Samples per training step")
      ->capture_default_str()
      ->check(positive);
  app.add_option("--channels", options.channels, "Channels of csnn")
      ->capture_default_str()
      ->check(positive);
  app.add_option("--neurons", options.neurons, "Neurons of copy and neurons")
      ->capture_default_str()
      ->check(positive);
  app.add_option("--device", device, "cpu or cuda[:index], not of products, feed, shards")
      ->capture_default_str();
  app.add_option("--threads", threads, "Threads that compute; 0: one per core")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 16).description(""));
  app.add_flag(
      "--autotune", timed,
      "Time a CUDA device's algorithms of products and\nconvolutions and keep the fastest");
  app.add_flag("--json", json, "Print one JSON object a line instead of a table");
  CLI::Option* const compare_flag =
      app.add_flag("--compare", compares,
                   "Also time the Python libraries that are here, at\nneurons, csnn, mlp and ssc");
  app.add_option("--peers-script", compare.script,
                 "The script that times them (default: the one\ninstalled or of the source tree)")
      ->needs(compare_flag);
  app.add_option("--python", compare.python, "The Python that runs it")
      ->capture_default_str()
      ->needs(compare_flag);
  return run_program(app, argc, argv, [&] {
    if (names.empty())
      for (const auto& [name, group] : groups) names.push_back(name);
    if (threads > 0) ranvier::set_num_threads(threads);
    options.device = ranvier::parse_device(device);
    RV_CHECK(!timed || options.device != ranvier::cpu_device,
             "--autotune is of CUDA devices; got --device {}.", device);
    ranvier::require_available(options.device);
    ranvier::set_autotune(timed);
    if (compare.script.empty()) compare.script = default_peers_script();
    return run(names, options, compares ? std::optional(compare) : std::nullopt, json);
  });
}
