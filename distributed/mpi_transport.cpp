#include "ranvier/distributed/mpi_transport.h"

#include <cstdlib>

#include "ranvier/config.h"

namespace ranvier {

bool mpi_built() { return RANVIER_HAS_MPI != 0; }

bool launched_by_mpi() {
  // Open MPI; others and SLURM, through PMIx or its forerunner PMI.
  for (const char* variable : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"})
    if (std::getenv(variable) != nullptr) return true;
  const char* const tasks = std::getenv("SLURM_STEP_NUM_TASKS");
  if (tasks != nullptr && std::atoi(tasks) > 1)
    fail(ErrorCode::communication,
         "[mpi] srun started {} processes that do not know of each other. Start them by "
         "'srun --mpi=pmix' ('srun --mpi=list' names what this cluster has).",
         tasks);
  return false;
}

#if !RANVIER_HAS_MPI
std::unique_ptr<Transport> open_mpi(const TransportOptions&) {
  fail(ErrorCode::communication,
       "[mpi] this build has no MPI, so it runs as one process. Install Open MPI "
       "(cmake/install_packages.sh mpi) and build again.");
}
#endif

void run_mpi(const std::function<void(Transport&)>& body, const TransportOptions& options) {
  const std::unique_ptr<Transport> transport = open_mpi(options);
  try {
    body(*transport);
  } catch (const std::exception& error) {
    transport->abort(error.what());
  } catch (...) {
    transport->abort("an exception without a message");
  }
}

}  // namespace ranvier
