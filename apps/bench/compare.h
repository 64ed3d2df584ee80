// Python libraries at the same work, on the same device: what --compare of ranvier-bench prints.
#pragma once

#include <filesystem>
#include <functional>

#include "apps/bench/benchmark.h"

namespace ranvier::apps {

/// A line of the script: a measurement of a peer, or why there is none.
struct PeerLine {
  /// As the peer's of the same work in `Measurement`; empty where `skipped` says why.
  std::string name{};
  std::string peer{}, version{};
  double median_ms = 0;
  std::string skipped{};
};

/// Error (format): `line` is no JSON object with the fields of tests/peers/training_steps.py.
PeerLine parse_peer_line(const std::string& line);

struct CompareOptions {
  /// A program for PATH to find, and the script that it runs.
  std::string python = "python3";
  std::filesystem::path script;
};

/// training_steps.py of the tree that this program is installed in, else of its source tree; empty
/// if it is in neither.
std::filesystem::path default_peers_script();

/// The groups of ranvier-bench that peers are measured at, of `groups`. Error: none is.
std::vector<std::string> groups_of_peers(const std::vector<std::string>& groups);

/// Error (io): the script is not there; says what to pass.
void require_script(const CompareOptions& options);

/// Runs the script for `groups` with the sizes of `bench` and hands over what it prints, line by
/// line. Errors (io): it cannot be run, or fails; those of `parse_peer_line`.
void measure_peers(const CompareOptions& options, const BenchOptions& bench,
                   const std::vector<std::string>& groups, const std::vector<Measurement>& measured,
                   const std::function<void(const PeerLine&)>& take);

/// Ours of the same work as `peer`'s: as a graph where that was measured. Null: we have none.
const Measurement* ours_beside(const PeerLine& peer, const std::vector<Measurement>& measured);

/// One row of the comparison, at most 80 columns, and its heading. The ratio is the peer's time by
/// ours.
std::string compare_heading();
std::string to_compare_row(const Measurement& ours, const PeerLine& peer);
std::string to_skipped_row(const PeerLine& peer);

/// The same as one line of JSON: name, ranvier_ms, peer, version, peer_ms, ratio; or peer, skipped.
std::string to_compare_json(const Measurement& ours, const PeerLine& peer);
std::string to_skipped_json(const PeerLine& peer);

}  // namespace ranvier::apps
