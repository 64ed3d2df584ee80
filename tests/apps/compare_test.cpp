#include "apps/bench/compare.h"

#include <fstream>

#include "apps/bench/child_lines.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace ranvier::apps {
namespace {

using Catch::Matchers::Contains;
using Lines = std::vector<std::string>;

bool has_python() {
  try {
    return for_each_line_of({"python3", "--version"}, [](const std::string&) {}) == 0;
  } catch (const Error&) {
    return false;
  }
}

/// Says aloud that a test does nothing here.
bool no_python() {
  if (has_python()) return false;
  WARN("skipped: python3 is not installed");
  return true;
}

Lines output_of(const Lines& command) {
  Lines lines;
  const int status = for_each_line_of(command, [&](const std::string& l) { lines.push_back(l); });
  CHECK(status == 0);
  return lines;
}

/// A script that speaks the protocol: `body` sees `sys` and `json`.
CompareOptions script_of(const test::TemporaryFolder& folder, const std::string& body) {
  const std::filesystem::path path = folder / "a script's $HOME.py";
  std::ofstream(path) << "import sys, json\n" << body << "\n";
  return {.script = path};
}

std::vector<PeerLine> lines_of(const CompareOptions& options, const BenchOptions& bench = {},
                               const std::vector<Measurement>& measured = {}) {
  std::vector<PeerLine> lines;
  measure_peers(options, bench, {"neurons"}, measured,
                [&](const PeerLine& line) { lines.push_back(line); });
  return lines;
}

Measurement took(const std::string& name, double milliseconds) {
  return summarise_runs(name, {milliseconds});
}

const std::string measured_line =
    R"({"name": "mlp_step_f32", "peer": "snntorch", "version": "1.0", "median_ms": 12.5, "runs": 3})";

}  // namespace

TEST_CASE("a program's output comes line by line, and its exit status") {
  CHECK(output_of({"printf", "a\\n\\nlast"}) == Lines{"a", "", "last"});
  CHECK(output_of({"echo", "$HOME; 'x'"}) == Lines{"$HOME; 'x'"});
  const auto ignore = [](const std::string&) {};
  CHECK(for_each_line_of({"sh", "-c", "exit 3"}, ignore) == 3);
  CHECK(for_each_line_of({"sh", "-c", "kill -9 $$"}, ignore) == 137);
}

TEST_CASE("a program that is not there is named, and one whose output is refused is ended") {
  const auto refuse = [](const std::string&) { fail(ErrorCode::format, "refused"); };
  CHECK_ERROR(for_each_line_of({"/no/such/program"}, refuse), ErrorCode::io,
              "cannot start '/no/such/program': No such file or directory.");
  CHECK_ERROR(for_each_line_of({"sh", "-c", "echo a; exec sleep 250"}, refuse), ErrorCode::format,
              "refused");
}

TEST_CASE("a line of the peers' script is a measurement or a reason") {
  const PeerLine measured = parse_peer_line(measured_line);
  CHECK(measured.name == "mlp_step_f32");
  CHECK(measured.peer == "snntorch");
  CHECK(measured.version == "1.0");
  CHECK(measured.median_ms == 12.5);
  CHECK(measured.skipped.empty());
  const PeerLine skipped = parse_peer_line(R"({"peer": "norse", "skipped": "No module"})");
  CHECK(skipped.peer == "norse");
  CHECK(skipped.skipped == "No module");
}

TEST_CASE("anything else the peers' script prints is an error that shows it") {
  for (const std::string line : {"Welcome!", "[]", "{}", R"({"peer": "a"})", R"({"peer": 3})",
                                 R"({"peer": "a", "name": "b", "version": "1", "median_ms": "x"})"})
    CHECK_ERROR(parse_peer_line(line), ErrorCode::format, "printed '" + line + "'");
}

TEST_CASE("a peer stands beside our graph where there is one, else beside our step") {
  const std::vector<Measurement> measured{took("a", 4), took("a_graph", 2), took("b", 8)};
  CHECK(ours_beside({.name = "a"}, measured)->name == "a_graph");
  CHECK(ours_beside({.name = "b"}, measured)->name == "b");
  CHECK(ours_beside({.name = "c"}, measured) == nullptr);
}

TEST_CASE("rows of the comparison fit 80 columns and say how many times as long a peer takes") {
  CHECK(compare_heading().size() == 80);
  const PeerLine peer{
      .peer = "spikingjelly/triton", .version = "0.0.0.0.14", .median_ms = 86399999};
  for (const double ours : {998.9996, 999.1, 8649999.0, 864999.0, 86399999.0}) {
    const std::string row = to_compare_row(took("lif_forward_backward_T128", ours), peer);
    INFO(row);
    CHECK(row.size() == 80);
  }
  const std::string row = to_compare_row(took("mlp_step_f32", 5), parse_peer_line(measured_line));
  CHECK(row == "mlp_step_f32                 5.000 snntorch            1.0          12.500  2.50");
  CHECK(to_skipped_row({.peer = "norse", .skipped = "No module"}) ==
        "norse: not measured: No module");
}

TEST_CASE("the comparison as JSON") {
  CHECK(to_compare_json(took("mlp_step_f32_graph", 5), parse_peer_line(measured_line)) ==
        R"({"name":"mlp_step_f32_graph","ranvier_ms":5.0,"peer":"snntorch","version":"1.0",)"
        R"("peer_ms":12.5,"ratio":2.5})");
  CHECK(to_skipped_json({.peer = "norse", .skipped = "No \"module\""}) ==
        R"({"peer":"norse","skipped":"No \"module\""})");
}

TEST_CASE("peers are measured at the groups they have") {
  CHECK(groups_of_peers({"copy", "ssc", "neurons"}) == Lines{"neurons", "ssc"});
  CHECK_ERROR(groups_of_peers({"copy", "feed"}), ErrorCode::invalid_argument,
              "--compare needs a group that peers have: neurons, csnn, mlp or ssc.");
}

TEST_CASE("the peers' script is given our sizes, word for word") {
  if (no_python()) return;
  const test::TemporaryFolder folder;
  const CompareOptions options =
      script_of(folder, R"(print(json.dumps({"peer": "me", "skipped": " ".join(sys.argv[1:])})))");
  const std::vector<PeerLine> lines = lines_of(
      options, {.runs = 3, .batch = 5, .channels = 7, .neurons = 11},
      {took("lif_forward_T8", 1), took("lif_forward_T16", 1), took("lif_forward_T128", 1)});
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines[0].skipped,
             Catch::Matchers::StartsWith("--json --device cpu --runs 3 --batch-size 5 --channels 7 "
                                         "--neurons 11 --threads "));
  CHECK_THAT(lines[0].skipped, Catch::Matchers::EndsWith(" neurons --steps 8 128"));
}

TEST_CASE("a script of peers that fails, prints nonsense or is missing is an error") {
  const test::TemporaryFolder folder;
  CHECK_ERROR(require_script({.script = folder / "none.py"}), ErrorCode::io, "--peers-script FILE");
  CHECK_ERROR(require_script({}), ErrorCode::io, "lies neither");
  CHECK_ERROR(lines_of({.python = "/no/python", .script = "x.py"}), ErrorCode::io,
              "cannot start '/no/python'");
  if (no_python()) return;
  CHECK_ERROR(lines_of(script_of(folder, "sys.exit(4)")), ErrorCode::io, "ended with status 4.");
  CHECK_ERROR(lines_of(script_of(folder, "print('hello')")), ErrorCode::format, "'hello'");
}

TEST_CASE("our script measures every peer here or says in a line why not") {
  if (no_python()) return;
  const CompareOptions options{.script = default_peers_script()};
  REQUIRE(options.script.filename() == "training_steps.py");
  require_script(options);
  const std::vector<PeerLine> lines =
      lines_of(options, {.runs = 1, .neurons = 16}, {took("lif_forward_T8", 1)});
  Lines peers;
  for (const PeerLine& line : lines) {
    if (line.skipped.empty()) {
      CHECK_THAT(line.name, Contains("lif_forward_"));
      CHECK(line.median_ms > 0);
      CHECK_FALSE(line.version.empty());
    }
    const std::string peer = line.peer.substr(0, line.peer.find('/'));  // without its backend
    if (peers.empty() || peers.back() != peer) peers.push_back(peer);
  }
  CHECK(peers == Lines{"spikingjelly", "snntorch", "norse", "sinabs", "exodus"});
}

}  // namespace ranvier::apps
