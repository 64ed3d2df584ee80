// Networks that processes share: tests/distributed/mpi.sh starts them with mpirun, by their tag.
#include <algorithm>

#include "ranvier/distributed/local_transport.h"
#include "ranvier/distributed/mpi_transport.h"
#include "tests/support/catch.h"
#include "tests/support/sharded_cases.h"

using namespace ranvier;

namespace {

/// What `transport` sends of states and their gradients in a step, in order.
std::vector<MessageRecord> sent_states(const test::ShardedCase& of, Transport& transport,
                                       std::int64_t pieces) {
  std::vector<MessageRecord> sent = test::sharded_messages(
      of, Mesh(transport, {.time = transport.size()}), {.state_pieces = pieces});
  std::erase_if(sent, [](const MessageRecord& each) {
    return each.channel != Channel::state && each.channel != Channel::state_gradient;
  });
  return sent;
}

/// The same of threads, by rank.
std::vector<std::vector<MessageRecord>> sent_by_threads(const test::ShardedCase& of, int ranks,
                                                        std::int64_t pieces) {
  std::vector<std::vector<MessageRecord>> sent(static_cast<std::size_t>(ranks));
  run_local(ranks, [&](Transport& transport) {
    sent[static_cast<std::size_t>(transport.rank())] = sent_states(of, transport, pieces);
  });
  return sent;
}

}  // namespace

TEST_CASE("processes compute together what one computes", "[.mpi-networks]") {
  REQUIRE(launched_by_mpi());
  run_mpi([](Transport& transport) {
    const int ranks = transport.size();
    const auto rank = static_cast<std::size_t>(transport.rank());
    for (const test::ShardedCase& of : test::sharded_cases())
      for (const std::int64_t pieces : {0, 3}) {
        for (const MeshShape shape :
             {MeshShape{1, ranks}, MeshShape{ranks, 1}, MeshShape{2, ranks / 2}})
          CHECK(test::sharded_mismatch(of, Mesh(transport, shape), 3, {.state_pieces = pieces}) ==
                "");
        CHECK(sent_states(of, transport, pieces) == sent_by_threads(of, ranks, pieces)[rank]);
      }
  });
}
