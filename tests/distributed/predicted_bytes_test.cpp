// What a step is predicted to send against what it sends.
#include "ranvier/distributed/local_transport.h"
#include "ranvier/distributed/profile.h"
#include "ranvier/distributed/sharded_network.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/shape/slice.h"
#include "tests/support/catch.h"
#include "tests/support/sharded_cases.h"

using namespace ranvier;

namespace {

Tensor some_loss(const Tensor& output) { return mean(square(output)); }

std::vector<std::int64_t> sent_bytes(const test::ShardedCase& of, MeshShape shape,
                                     std::int64_t pieces) {
  std::vector<std::int64_t> sent(static_cast<std::size_t>(shape.ranks()));
  run_local(shape.ranks(), [&](Transport& transport) {
    Sequential network = of.network();
    const Mesh mesh(transport, shape);
    ShardedNetwork sharded(network, mesh,
                           {.state_pieces = pieces, .static_layers = of.static_layers});
    const Tensor output =
        sharded(test::own_part(of, mesh), {of.labels.numel(), of.static_input ? 0 : of.x.size(0)});
    sharded.backward(some_loss(output));
    sent[static_cast<std::size_t>(transport.rank())] = transport.bytes_sent();
  });
  return sent;
}

std::vector<std::int64_t> predicted_bytes(const test::ShardedCase& of, MeshShape shape,
                                          std::int64_t pieces) {
  Sequential network = of.network();
  const std::int64_t batch = of.labels.numel();
  Tensor part = slice(of.x, of.static_input ? 0 : 1, 0, Slice::of(batch, 0, shape.data).end);
  const std::int64_t steps = of.static_input ? network.shown_steps() : of.x.size(0);
  if (!of.static_input) part = slice(part, 0, 0, Slice::of(steps, 0, shape.time).length());
  const NetworkProfile profile = profile_network(network, part,
                                                 {.loss = some_loss,
                                                  .mesh = shape,
                                                  .state_pieces = pieces,
                                                  .static_layers = of.static_layers,
                                                  .runs = 1});
  return predict(profile, {.mesh = shape, .steps = steps, .batch = batch, .state_pieces = pieces})
      .bytes_sent;
}

}  // namespace

TEST_CASE("every rank sends as many bytes in a step as predicted") {
  for (const test::ShardedCase& of : test::sharded_cases())
    for (const MeshShape shape :
         {MeshShape{1, 1}, MeshShape{1, 2}, MeshShape{1, 5}, MeshShape{4, 1}, MeshShape{2, 3}}) {
      for (const std::int64_t pieces : {0, 3}) {
        CAPTURE(of.name, shape.data, shape.time, pieces);
        CHECK(predicted_bytes(of, shape, pieces) == sent_bytes(of, shape, pieces));
      }
    }
}
