#include "ranvier/distributed/measure_link.h"

#include "ranvier/distributed/local_transport.h"
#include "ranvier/distributed/self_transport.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

using namespace ranvier;

TEST_CASE("all ranks learn what the link between the first two takes") {
  std::vector<Link> found(3);
  run_local(3, [&](Transport& transport) {
    found[static_cast<std::size_t>(transport.rank())] = measure_link(Group::all(transport));
  });
  CHECK(found[0].latency > 0);
  CHECK(found[0].bandwidth > 0);
  CHECK(found[0].summing >= 0);
  for (const Link& link : found) {
    CHECK(link.latency == found[0].latency);
    CHECK(link.bandwidth == found[0].bandwidth);
    CHECK(link.summing == found[0].summing);
  }
}

TEST_CASE("a rank alone has no link to measure") {
  const auto alone = open_self();
  CHECK_ERROR(measure_link(Group::all(*alone)), ErrorCode::invalid_argument, "needs two ranks");
}
