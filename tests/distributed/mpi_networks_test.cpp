// Networks that processes share: tests/distributed/mpi.sh starts them with mpirun, by their tag.
#include "ranvier/distributed/mpi_transport.h"
#include "tests/support/catch.h"
#include "tests/support/sharded_cases.h"

using namespace ranvier;

TEST_CASE("processes compute together what one computes", "[.mpi-networks]") {
  REQUIRE(launched_by_mpi());
  run_mpi([](Transport& transport) {
    const int ranks = transport.size();
    for (const MeshShape shape :
         {MeshShape{1, ranks}, MeshShape{ranks, 1}, MeshShape{2, ranks / 2}})
      for (const test::ShardedCase& of : test::sharded_cases())
        CHECK(test::sharded_mismatch(of, Mesh(transport, shape)) == "");
  });
}
