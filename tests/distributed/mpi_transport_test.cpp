// Programs of several processes: tests/distributed/mpi.sh starts them with mpirun, by their tags.
#include "ranvier/distributed/mpi_transport.h"

#include <chrono>
#include <csignal>
#include <cstdlib>

#include "ranvier/distributed/local_transport.h"
#include "tests/distributed/transport_conformance.h"
#include "tests/support/catch.h"
#include "tests/support/environment.h"
#include "tests/support/errors.h"

using namespace ranvier;
using namespace ranvier::test;

TEST_CASE("a build without MPI says so") {
  if (mpi_built()) SKIP("this build has MPI");
  CHECK_ERROR(open_mpi(), ErrorCode::communication, "[mpi] this build has no MPI");
}

TEST_CASE("MPI is not asked for patience that cannot be") {
  if (!mpi_built()) SKIP("this build has no MPI");
  CHECK_ERROR(open_mpi({.patience = -1}), ErrorCode::invalid_argument,
              "[mpi] patience must be > 0 seconds; got -1");
}

TEST_CASE("a network interface that is not there is named, with those that are") {
  if (!mpi_built()) SKIP("this build has no MPI");
  const Environment told("OMPI_MCA_btl_tcp_if_include", "10.0.0.0/8,lo,nope0");
  CHECK_ERROR(open_mpi(), ErrorCode::communication, "no network interface 'nope0'");
  CHECK_ERROR(open_mpi(), ErrorCode::communication, "it has lo");
}

TEST_CASE("processes that srun starts without MPI are not taken for one each") {
  const Environment none[] = {
      {"OMPI_COMM_WORLD_RANK", nullptr}, {"PMIX_RANK", nullptr}, {"PMI_RANK", nullptr}};
  {
    const Environment one("SLURM_STEP_NUM_TASKS", "1");
    CHECK_FALSE(launched_by_mpi());
  }
  const Environment two("SLURM_STEP_NUM_TASKS", "2");
  CHECK_ERROR(launched_by_mpi(), ErrorCode::communication,
              "[mpi] srun started 2 processes that do not know of each other. Start them by "
              "'srun --mpi=pmix'");
  const Environment pmix("PMIX_RANK", "1");
  CHECK(launched_by_mpi());
}

TEST_CASE("processes keep the promises of a transport", "[.mpi]") {
  REQUIRE(launched_by_mpi());
  run_mpi([](Transport& transport) {
    require(transport.kind() == "mpi", "its kind is mpi");
    for (const auto& [name, run] : transport_programs()) {
      try {
        run(transport);
      } catch (...) {
        rethrow_in_context(std::string(name) + ": ");
      }
    }
    const Trace here = trace(transport);
    run_local(transport.size(), [&](Transport& thread) {
      const Trace there = trace(thread);
      if (thread.rank() == transport.rank()) require_same(here, there);
    });
    // Nobody ends before what was sent to it has arrived.
    const Shape shape{16 << 20};
    if (transport.rank() > 0) transport.send(full(shape, 3), 0, Channel::state);
    for (int from = transport.size() - 1; transport.rank() == 0 && from > 0; --from)
      require(same_bits(transport.receive(shape, {}, from, Channel::state), full(shape, 3)),
              "large messages arrive of ranks that have ended");
    SUCCEED();
  });
  CHECK_ERROR(open_mpi(), ErrorCode::communication, "[mpi] MPI can be used once per process");
}

namespace {

/// Sums for a minute; in the middle of it the last rank does `fault`.
void sums_until(void (*fault)()) {
  run_mpi(
      [&](Transport& transport) {
        const Group all = Group::all(transport);
        const auto start = std::chrono::steady_clock::now();
        for (int step = 0; std::chrono::steady_clock::now() - start < std::chrono::minutes(1);
             ++step) {
          Tensor values = full({100'000}, 1);
          all_reduce(all, values);
          if (step == 100 && transport.rank() == transport.size() - 1) fault();
        }
      },
      {.patience = 2});
}

}  // namespace

TEST_CASE("a process is killed", "[.mpi-killed]") {
  sums_until([] { raise(SIGKILL); });
}

TEST_CASE("a process is stopped", "[.mpi-stopped]") {
  sums_until([] { raise(SIGSTOP); });
}

TEST_CASE("a process throws", "[.mpi-throws]") {
  sums_until([] { fail(ErrorCode::non_finite, "[loss] the loss is {}.", "nan"); });
}

TEST_CASE("a process leaves early", "[.mpi-leaves]") {
  sums_until([] { std::exit(0); });
}

TEST_CASE("processes talk until something happens to them", "[.mpi-talks]") {
  sums_until([] {});
}

TEST_CASE("processes wait for each other", "[.mpi-waits]") {
  run_mpi(
      [](Transport& transport) {
        const int other = (transport.rank() + 1) % transport.size();
        transport.receive({1}, {}, other, Channel::state);
      },
      {.patience = 2});
}
