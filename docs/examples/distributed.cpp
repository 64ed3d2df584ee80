// One network, trained by several ranks.
#include <fmt/core.h>

#include <cmath>

#include "ranvier/core/random.h"
#include "ranvier/distributed/local_transport.h"
#include "ranvier/distributed/mpi_transport.h"
#include "ranvier/distributed/sharded_network.h"
#include "ranvier/layers/event_networks.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/sequence/readout.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/optim/adam.h"

using namespace ranvier;

namespace {

/// The loss of some steps, the same on every rank.
double train(Transport& transport, MeshShape shape) {
  constexpr std::int64_t steps = 12, batch = 4;
  seed(1);
  Sequential network = recurrent_net({.inputs = 10, .hidden = {16}, .classes = 3});
  const Tensor x = uniform({steps, batch, 10}, 0, 1);
  const Tensor labels = from_vector<std::int64_t>({0, 1, 2, 0}, {batch});
  Adam optimizer(parameters(network), {.lr = 0.01});

  const Mesh mesh(transport, shape);  // {.data = 2, .time = 2}
  ShardedNetwork sharded(network, mesh);
  const Slice mine = sharded.samples(batch), my_steps = sharded.steps(steps);
  const Tensor my_x = slice(slice(x, 0, my_steps.begin, my_steps.end), 1, mine.begin, mine.end);
  const Tensor my_labels = slice(labels, 0, mine.begin, mine.end);
  double last = 0;
  for (int i = 0; i < 5; ++i) {
    zero_grad(optimizer.parameters());
    const Tensor output = sharded(my_x, {batch, steps});  // at all steps, on every rank
    const Tensor loss = cross_entropy(read_out(Readout::mean, output), my_labels);
    sharded.backward(loss);  // every rank has the gradient of the whole batch
    optimizer.step();
    last = loss.item();
  }
  return last;
}

}  // namespace

int main() {
  if (launched_by_mpi()) {
    run_mpi([](Transport& transport) { train(transport, {.time = transport.size()}); });
    return 0;
  }
  double alone = 0, shared = 0;
  run_local(1, [&](Transport& transport) { alone = train(transport, {}); });
  run_local(4, [&](Transport& transport) {
    const double loss = train(transport, {.time = 4});
    if (transport.rank() == 0) shared = loss;
  });
  fmt::print("loss of one rank {:.6f}, of four {:.6f}\n", alone, shared);
  return std::abs(alone - shared) < 1e-5 ? 0 : 1;
}
