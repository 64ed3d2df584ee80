#include "ranvier/core/build_info.h"

#include <fmt/core.h>
#include <hdf5.h>
#include <zlib.h>
#include <dnnl.hpp>

#include <fstream>

#include "ranvier/config.h"

namespace ranvier {
namespace {

std::string onednn_version() {
  const dnnl::version_t* v = dnnl_version();
  return fmt::format("{}.{}.{}", v->major, v->minor, v->patch);
}

std::string hdf5_version() {
  unsigned major = 0, minor = 0, patch = 0;
  H5get_libversion(&major, &minor, &patch);
  return fmt::format("{}.{}.{}", major, minor, patch);
}

}  // namespace

BuildInfo build_info() {
  return {.version = RANVIER_VERSION,
          .revision = RANVIER_GIT_REVISION,
          .compiler = RANVIER_COMPILER,
          .build_type = RANVIER_BUILD_TYPE,
          .has_cuda = RANVIER_HAS_CUDA != 0,
          .has_mpi = RANVIER_HAS_MPI != 0,
          .libraries = {
              {"oneDNN", onednn_version()}, {"HDF5", hdf5_version()}, {"zlib", zlibVersion()}}};
}

std::string processor_name() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

}  // namespace ranvier
