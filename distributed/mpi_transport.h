// Ranks that are processes started by mpirun or SLURM.
#pragma once

#include <memory>

#include "ranvier/distributed/transport.h"

namespace ranvier {

/// Whether this build has MPI.
bool mpi_built();
/// Whether mpirun, or another launcher of MPI programs, started this process.
bool launched_by_mpi();

/// The transport of kind "mpi" over all processes of the launch; arrays of CUDA devices pass
/// through host memory. A thread of its own makes all MPI calls, so messages move while others
/// compute, and tells the other ranks twice a second that this one lives. Once per process. Errors
/// (communication): a build without MPI; MPI that cannot start.
std::unique_ptr<Transport> open_mpi(const TransportOptions& options = {});

}  // namespace ranvier
