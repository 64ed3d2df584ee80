// Ranks that are processes started by mpirun or SLURM.
#pragma once

#include <functional>
#include <memory>

#include "ranvier/distributed/transport.h"

namespace ranvier {

/// Whether this build has MPI.
bool mpi_built();
/// Whether mpirun, or another launcher of MPI programs, started this process. Error
/// (communication): srun started several, without MPI between them.
bool launched_by_mpi();

/// The transport of kind "mpi" over all processes of the launch; arrays of CUDA devices pass
/// through host memory. A thread of its own receives, and completes what was sent, so that messages
/// move while layers compute, and tells the other ranks twice a second that this one lives. Its
/// destructor waits for the other ranks'. `abort` writes the reason to standard error and ends all
/// processes of the launch, this one with status 1; so does the destructor when another rank is
/// lost. Once per process. Errors (communication): a build without MPI; a network interface that is
/// not there; a second transport.
std::unique_ptr<Transport> open_mpi(const TransportOptions& options = {});

/// Runs `body` with that transport. What it throws goes to `abort`.
void run_mpi(const std::function<void(Transport&)>& body, const TransportOptions& options = {});

}  // namespace ranvier
