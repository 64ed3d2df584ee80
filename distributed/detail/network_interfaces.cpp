#include "ranvier/distributed/detail/network_interfaces.h"

#include <net/if.h>

#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>

#include "ranvier/core/error.h"
#include "ranvier/distributed/detail/process_name.h"

namespace ranvier::detail {
namespace {

/// "lo, eth0"
std::string interfaces_here() {
  const std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)> all(if_nameindex(),
                                                                              if_freenameindex);
  std::string names;
  for (const struct if_nameindex* each = all.get(); each && each->if_index != 0; ++each) {
    if (!names.empty()) names += ", ";
    names += each->if_name;
  }
  return names;
}

}  // namespace

void check_network_interfaces() {
  const char* const wanted = std::getenv("OMPI_MCA_btl_tcp_if_include");
  std::istringstream names(wanted == nullptr ? "" : wanted);
  for (std::string name; std::getline(names, name, ',');) {
    const bool address = name.find('/') != std::string::npos;  // 10.0.0.0/8
    if (!name.empty() && !address && if_nametoindex(name.c_str()) == 0)
      fail(ErrorCode::communication,
           "[mpi] {} has no network interface '{}', which --mca btl_tcp_if_include names; it has "
           "{}.",
           host_name(), name, interfaces_here());
  }
}

}  // namespace ranvier::detail
