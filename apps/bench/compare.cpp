#include "apps/bench/compare.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/bench/child_lines.h"
#include "ranvier/core/allocator.h"
#include "ranvier/core/error.h"
#include "ranvier/core/parallel.h"

namespace ranvier::apps {
namespace {

namespace fs = std::filesystem;

bool has(const std::vector<Measurement>& measured, const std::string& name) {
  return std::any_of(measured.begin(), measured.end(),
                     [&](const Measurement& m) { return m.name == name; });
}

std::vector<std::string> command_for(const CompareOptions& options, const BenchOptions& bench,
                                     const std::vector<std::string>& groups,
                                     const std::vector<Measurement>& measured) {
  std::vector<std::string> command{options.python, options.script.string(), "--json"};
  const auto add = [&](const std::string& name, std::int64_t value) {
    command.insert(command.end(), {"--" + name, std::to_string(value)});
  };
  command.insert(command.end(), {"--device", to_string(bench.device)});
  add("runs", bench.runs);
  add("batch-size", bench.batch);
  add("channels", bench.channels);
  add("neurons", bench.neurons);
  add("threads", num_threads());
  std::vector<std::string> steps;
  for (const int count : {8, 32, 128})
    if (has(measured, fmt::format("lif_forward_T{}", count)))
      steps.push_back(std::to_string(count));
  command.insert(command.end(), groups.begin(), groups.end());
  if (!steps.empty()) {
    command.push_back("--steps");
    command.insert(command.end(), steps.begin(), steps.end());
  }
  return command;
}

/// At most eight characters up to a day.
std::string milliseconds_text(double value) {
  return fmt::format("{:.{}f}", value, value < 999 ? 3 : 0);
}

/// At most five characters up to 99999.
std::string ratio_text(double value) {
  return fmt::format("{:.{}f}", value, value < 9.99 ? 2 : value < 99.9 ? 1 : 0);
}

}  // namespace

PeerLine parse_peer_line(const std::string& line) {
  try {
    const nlohmann::json fields = nlohmann::json::parse(line);
    PeerLine peer{.peer = fields.at("peer").get<std::string>()};
    if (fields.contains("skipped")) {
      peer.skipped = fields["skipped"].get<std::string>();
      return peer;
    }
    peer.name = fields.at("name").get<std::string>();
    peer.version = fields.at("version").get<std::string>();
    peer.median_ms = fields.at("median_ms").get<double>();
    return peer;
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::format,
         "[compare] the peers' script printed '{}', where a JSON object with peer, name, version "
         "and median_ms, or with peer and skipped, is expected.",
         line);
  }
}

fs::path default_peers_script() {
  std::error_code unknown;
  const fs::path here = fs::read_symlink("/proc/self/exe", unknown).parent_path();
  for (const char* folder : {RANVIER_INSTALLED_PEERS, RANVIER_SOURCE_PEERS}) {
    const fs::path script = (here / folder / "training_steps.py").lexically_normal();
    if (fs::is_regular_file(script, unknown)) return script;
  }
  return {};
}

std::vector<std::string> groups_of_peers(const std::vector<std::string>& groups) {
  std::vector<std::string> found;
  for (const char* name : {"neurons", "csnn", "mlp", "ssc"})
    if (std::find(groups.begin(), groups.end(), name) != groups.end()) found.push_back(name);
  RV_CHECK(!found.empty(), "--compare needs a group that peers have: neurons, csnn, mlp or ssc.");
  return found;
}

void require_script(const CompareOptions& options) {
  if (!fs::is_regular_file(options.script))
    fail(ErrorCode::io,
         "[compare] the peers' script {}; pass training_steps.py of Ranvier's tests/peers with "
         "--peers-script FILE.",
         options.script.empty() ? "lies neither beside this program's installation nor in its "
                                  "source tree"
                                : fmt::format("'{}' is not there", options.script.string()));
}

void measure_peers(const CompareOptions& options, const BenchOptions& bench,
                   const std::vector<std::string>& groups, const std::vector<Measurement>& measured,
                   const std::function<void(const PeerLine&)>& take) {
  allocator(bench.device).release_kept();  // the peers need that memory too
  const int status =
      for_each_line_of(command_for(options, bench, groups, measured),
                       [&](const std::string& line) { take(parse_peer_line(line)); });
  if (status != 0)
    fail(ErrorCode::io, "[compare] '{} {}' ended with status {}.", options.python,
         options.script.string(), status);
}

const Measurement* ours_beside(const PeerLine& peer, const std::vector<Measurement>& measured) {
  for (const std::string& name : {peer.name + "_graph", peer.name})
    for (const Measurement& m : measured)
      if (m.name == name) return &m;
  return nullptr;
}

std::string compare_heading() {
  return fmt::format("{:<25} {:>8} {:<19} {:<10} {:>8} {:>5}", "beside peers (ms)", "Ranvier",
                     "peer", "version", "peer", "ratio");
}

std::string to_compare_row(const Measurement& ours, const PeerLine& peer) {
  return fmt::format("{:<25.25} {:>8} {:<19.19} {:<10.10} {:>8} {:>5}", ours.name,
                     milliseconds_text(ours.median_ms), peer.peer, peer.version,
                     milliseconds_text(peer.median_ms),
                     ratio_text(peer.median_ms / ours.median_ms));
}

std::string to_skipped_row(const PeerLine& peer) {
  return fmt::format("{}: not measured: {}", peer.peer, peer.skipped);
}

std::string to_compare_json(const Measurement& ours, const PeerLine& peer) {
  return nlohmann::ordered_json{
      {"name", ours.name},         {"ranvier_ms", ours.median_ms},
      {"peer", peer.peer},         {"version", peer.version},
      {"peer_ms", peer.median_ms}, {"ratio", peer.median_ms / ours.median_ms}}
      .dump();
}

std::string to_skipped_json(const PeerLine& peer) {
  return nlohmann::ordered_json{{"peer", peer.peer}, {"skipped", peer.skipped}}.dump();
}

}  // namespace ranvier::apps
