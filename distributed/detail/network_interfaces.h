// Networks that Open MPI was told to use.
#pragma once

namespace ranvier::detail {

/// Error (communication): `mpirun --mca btl_tcp_if_include` names an interface that this machine
/// does not have. Open MPI itself would say that ranks are unreachable, and not why.
void check_network_interfaces();

}  // namespace ranvier::detail
