// What this build is made of, for bug reports and benchmark records.
#pragma once

#include <string>
#include <vector>

namespace ranvier {

struct LibraryVersion {
  std::string name;
  std::string version;
};

struct BuildInfo {
  std::string version;   ///< "0.1.0"
  std::string revision;  ///< of the sources, as git describes it
  std::string compiler;
  std::string build_type;
  bool has_cuda;  ///< the CUDA library was built
  bool has_mpi;
  std::vector<LibraryVersion> libraries;  ///< loaded now, not those of the build machine
};

BuildInfo build_info();

/// The processor's name as the system reports it, or "unknown".
std::string processor_name();

}  // namespace ranvier
