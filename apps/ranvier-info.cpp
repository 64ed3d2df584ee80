// Prints what this build of Ranvier is and what it found on this machine.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "apps/support/run_program.h"
#include "ranvier/core/build_info.h"
#include "ranvier/core/device.h"
#include "ranvier/core/dispatch.h"
#include "ranvier/core/parallel.h"

namespace {

using ranvier::BuildInfo;

nlohmann::json as_json(const BuildInfo& info) {
  nlohmann::json libraries;
  for (const auto& [name, version] : info.libraries) libraries[name] = version;
  return {{"version", info.version},
          {"revision", info.revision},
          {"compiler", info.compiler},
          {"build_type", info.build_type},
          {"cuda_built", info.has_cuda},
          {"mpi_built", info.has_mpi},
          {"libraries", libraries},
          {"processor", ranvier::processor_name()},
          {"threads", ranvier::num_threads()},
          {"kernels", ranvier::name(ranvier::isa_level())}};
}

void print(const BuildInfo& info) {
  fmt::print("Ranvier {} ({}), {} build with {}\n", info.version, info.revision, info.build_type,
             info.compiler);
  fmt::print("  processor  {}\n", ranvier::processor_name());
  fmt::print("  threads    {}\n", ranvier::num_threads());
  fmt::print("  kernels    {}\n", ranvier::name(ranvier::isa_level()));
  fmt::print("  devices    cpu\n");
  for (int i = 0; i < ranvier::cuda_device_count(); ++i)
    fmt::print("             cuda:{}  {}\n", i, ranvier::describe({ranvier::DeviceType::cuda, i}));
  fmt::print("  CUDA       {}\n", info.has_cuda ? "kernels built" : "not in this build");
  fmt::print("  MPI        {}\n", info.has_mpi ? "built" : "not in this build");
  for (const auto& [name, version] : info.libraries) fmt::print("  {:<10} {}\n", name, version);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What this build of Ranvier is, and what it found on this machine.", "ranvier-info");
  bool json = false;
  app.add_flag("--json", json, "Print one JSON object instead of text");
  return ranvier::apps::run_program(app, argc, argv, [&] {
    const BuildInfo info = ranvier::build_info();
    if (json)
      fmt::print("{}\n", as_json(info).dump());
    else
      print(info);
    return 0;
  });
}
