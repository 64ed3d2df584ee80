#include "apps/plan/text.h"

#include <fmt/core.h>

#include <algorithm>

#include "apps/support/text.h"

namespace ranvier::apps {
namespace {

double ms(double seconds) { return 1000 * seconds; }
double megabytes(std::int64_t bytes) { return static_cast<double>(bytes) / 1e6; }

std::string number(double value) {
  return fmt::format("{:.{}f}", value, value >= 1000 ? 0 : value >= 10 ? 1 : value >= 0.1 ? 2 : 3);
}

// How a stage is shared by the ranks of a time row.
std::string sharing(const StageProfile& stage) {
  std::string text = stage.chained ? "chain" : stage.in_time() ? "at once" : "static";
  return stage.norm.forward > 0 ? text + ", sums" : text;
}

}  // namespace

std::string stage_table(const NetworkProfile& profile) {
  constexpr const char* row = "{:<6}{:<26}{:>11}{:>13}{:>10}{}\n";
  std::string text =
      fmt::format(row, "stage", "modules", "forward ms", "backward ms", "state kB", "  shared");
  double forward = 0, backward = 0, state = 0;
  for (const StageProfile& stage : profile.stages) {
    const double kilobytes = static_cast<double>(stage.state_bytes) / 1000;
    text += fmt::format(row, stage.name, shorten(stage.kind, 26), number(ms(stage.forward)),
                        number(ms(stage.backward)), stage.chained ? number(kilobytes) : "",
                        "  " + sharing(stage));
    forward += stage.forward, backward += stage.backward, state += kilobytes;
  }
  text += fmt::format(row, "", "loss, optimizer, the rest", "",
                      number(ms(profile.loss + profile.update + profile.rest)), "", "  on all");
  return text + fmt::format(row, "total", "", number(ms(forward)),
                            number(ms(backward + profile.loss + profile.update + profile.rest)),
                            number(state), "");
}

std::vector<PlannedMesh>::const_iterator fastest(const std::vector<PlannedMesh>& meshes) {
  return std::min_element(meshes.begin(), meshes.end(), [](const auto& a, const auto& b) {
    return a.prediction.step < b.prediction.step;
  });
}

std::string mesh_table(const std::vector<PlannedMesh>& meshes, double alone) {
  constexpr const char* row = "{:>11}{:>10}{}{:>9}{:>7}{:>8}{:>10}{:>9}{}\n";
  const bool run = std::any_of(meshes.begin(), meshes.end(),
                               [](const PlannedMesh& mesh) { return mesh.measured > 0; });
  const auto measured = [&](const std::string& text) {
    return run ? fmt::format("{:>10}", text) : "";
  };
  std::string text =
      fmt::format(row, "data x time", run ? "predicted" : "step ms", measured("measured"),
                  "speed-up", "eff.", "waiting", "memory MB", "sent MB", "");
  const auto best = fastest(meshes);
  for (auto mesh = meshes.begin(); mesh != meshes.end(); ++mesh) {
    const auto& [plan, seen, seconds] = *mesh;
    const double speedup = alone / seen.step;
    const auto sent = std::max_element(seen.bytes_sent.begin(), seen.bytes_sent.end());
    text += fmt::format(
        row, fmt::format("{} x {}", plan.mesh.data, plan.mesh.time), number(ms(seen.step)),
        measured(seconds > 0 ? number(ms(seconds)) : "-"), fmt::format("{:.2f}", speedup),
        fmt::format("{:.0f} %", 100 * speedup / plan.mesh.ranks()),
        fmt::format("{:.0f} %", 100 * seen.waiting), number(megabytes(seen.memory_bytes)),
        number(megabytes(*sent)), mesh == best ? "  best" : "");
  }
  return text;
}

std::string speedup_table(const std::vector<int>& ranks, const std::vector<std::int64_t>& steps,
                          const std::vector<std::vector<double>>& speedups) {
  std::string head = "| ranks |", line = "|---|";
  for (const std::int64_t t : steps) {
    head += fmt::format(" T = {} |", t);
    line += "---|";
  }
  std::string text = head + "\n" + line + "\n";
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    text += fmt::format("| {} |", ranks[r]);
    for (const double speedup : speedups[r])
      text += speedup > 0 ? fmt::format(" {:.{}f} |", speedup, speedup < 10 ? 2 : 1) : " - |";
    text += "\n";
  }
  return text;
}

std::string to_string(const Link& link) {
  return fmt::format("{:.3g} us and {:.3g} GB/s", 1e6 * link.latency, link.bandwidth / 1e9);
}

}  // namespace ranvier::apps
