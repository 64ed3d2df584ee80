// Time shards that do not wait for their states.
#include <functional>
#include <mutex>

#include "ranvier/core/random.h"
#include "ranvier/distributed/local_transport.h"
#include "ranvier/distributed/sharded_network.h"
#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/event_networks.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/recurrent.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/sequence/readout.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/optim/sgd.h"
#include "tests/support/catch.h"
#include "tests/support/forwarding_transport.h"
#include "tests/support/values.h"

using namespace ranvier;

namespace {

constexpr std::int64_t steps = 83, batch = 3, inputs = 12, classes = 4;

/// Another transport, of whose messages one never knows whether they have come, or which always
/// have.
class ClaimingTransport final : public test::ForwardingTransport {
 public:
  ClaimingTransport(Transport& inner, bool claims) : ForwardingTransport(inner), claims_(claims) {}

  bool arrived(int, Channel) override { return claims_; }

 private:
  bool claims_;
};

struct Case {
  std::string name;
  std::function<Sequential()> network;
  std::int64_t speculating = 0;  ///< neurons, of a sample
  Shape step{inputs};
};

Sequential mlp(const Neuron& first, const Neuron& second) {
  return Sequential(Linear({.in = inputs, .out = 70}), NeuronLayer(first, {}),
                    Linear({.in = 70, .out = 20}), NeuronLayer(second, {}),
                    Linear({.in = 20, .out = classes}), LeakyIntegrator());
}

Sequential small_cnn(BatchNormMode mode) {
  Sequential network = event_cnn({.frame = {8, 8, 2}, .channels = {4, 8}, .classes = classes});
  set_batch_norm_mode(network, mode);
  return network;
}

std::vector<Case> cases() {
  const auto lif = [](double tau) { return LIFOptions{.tau = tau, .decay_input = false}; };
  return {{"tau 2 and 3", [=] { return mlp(lif(2), lif(3)); }, 90},
          {"tau 10 and IF", [=] { return mlp(lif(10), IFOptions{}); }, 90},
          {"learnable tau, two variables",
           [] { return mlp(ParametricLIFOptions{}, ALIFOptions{.v_reset = 0.0}); }, 90},
          {"soft resets wait", [=] { return mlp(LIFOptions{.v_reset = {}}, lif(2)); }, 20},
          {"neurons that are silent",
           [] { return mlp(IFOptions{.threshold = 1e6}, IFOptions{.threshold = 1e6}); }, 90},
          {"recurrent layers wait",
           [=] {
             return Sequential(Linear({.in = inputs, .out = 30}), LIF(),
                               Recurrent(LIFOptions{}, {.features = 30}),
                               Linear({.in = 30, .out = classes}), LeakyIntegrator());
           },
           30},
          {"batch norm over all ranks",
           [] { return small_cnn(BatchNormMode::batch); },
           8 * 8 * 4 + 4 * 4 * 8,
           {8, 8, 2}},
          {"fused neurons wait", [] { return small_cnn(BatchNormMode::step); }, 0, {8, 8, 2}}};
}

/// What one rank found in two steps of training.
struct Found {
  std::vector<Tensor> tensors;  ///< outputs, then gradients
  Speculation speculation;
};

enum class Arrival { as_it_is, late, early };

std::vector<Found> train(const Case& of, int ranks, ShardOptions options, Arrival arrival) {
  std::vector<Found> found(static_cast<std::size_t>(ranks));
  const Tensor x = test::random_values(Shape{steps, batch}.concat(of.step), 5);
  const Tensor labels = from_vector(std::vector<std::int64_t>{1, 0, 3}, {batch});
  run_local(ranks, [&](Transport& local) {
    ClaimingTransport claiming(local, arrival == Arrival::early);
    Transport& transport = arrival == Arrival::as_it_is ? local : claiming;
    seed(17);
    Sequential network = of.network();
    const Mesh mesh(transport, {.time = ranks});
    ShardedNetwork sharded(network, mesh, options);
    const Slice part = sharded.steps(steps);
    const Tensor own = slice(x, 0, part.begin, part.end);
    Sgd optimizer(parameters(network), {.lr = 0.1});
    Found& seen = found[static_cast<std::size_t>(transport.rank())];
    for (int step = 0; step < 2; ++step) {
      zero_grad(optimizer.parameters());
      const Tensor output = sharded(own, {batch, steps});
      sharded.backward(cross_entropy(read_out(Readout::mean, output), labels));
      seen.tensors.push_back(output.detach());
      for (const NamedTensor& parameter : parameters(network))
        seen.tensors.push_back(clone(parameter.tensor.grad()));
      optimizer.step();
    }
    seen.speculation = sharded.speculation();
  });
  return found;
}

bool same(const std::vector<Found>& a, const std::vector<Found>& b) {
  for (std::size_t rank = 0; rank < a.size(); ++rank)
    for (std::size_t i = 0; i < a[rank].tensors.size(); ++i)
      if (!test::same_bits(a[rank].tensors[i], b[rank].tensors[i])) return false;
  return true;
}

}  // namespace

TEST_CASE("ranks that do not wait for states compute what ranks that wait compute, bit for bit") {
  for (const Case& of : cases())
    for (const int ranks : {2, 3, 5}) {
      CAPTURE(of.name, ranks);
      const auto waiting = train(of, ranks, {}, Arrival::late);
      const auto found = train(of, ranks, {.speculate = true}, Arrival::late);
      CHECK(same(found, waiting));
      for (int rank = 0; rank < ranks; ++rank) {
        const Speculation& counts = found[static_cast<std::size_t>(rank)].speculation;
        const std::int64_t own = rank == 0 ? 0 : Slice::of(steps, rank, ranks).length();
        CHECK(counts.scanned == 2 * own * batch * of.speculating);
        CHECK(counts.repaired <= counts.scanned);
        CHECK((counts.repaired > 0) == (counts.scanned > 0));
        CHECK(waiting[static_cast<std::size_t>(rank)].speculation.scanned == 0);
      }
    }
}

TEST_CASE("ranks that do not wait give the spikes of one rank") {
  for (const Case& of : cases()) {
    if (of.name == "batch norm over all ranks") continue;  // sums are rounded otherwise
    CAPTURE(of.name);
    const Tensor whole = train(of, 1, {}, Arrival::as_it_is)[0].tensors[0];
    for (const int ranks : {2, 4})
      for (const Found& found : train(of, ranks, {.speculate = true}, Arrival::late))
        CHECK(test::same_bits(found.tensors[0], whole));
  }
}

TEST_CASE("a rank whose state has come does not guess it") {
  const Case of = cases().front();
  const auto waiting = train(of, 3, {}, Arrival::early);
  const auto found = train(of, 3, {.speculate = true}, Arrival::early);
  CHECK(same(found, waiting));
  for (const Found& rank : found) CHECK(rank.speculation.scanned == 0);
  CHECK(same(train(of, 3, {.speculate = true}, Arrival::as_it_is), waiting));
}

TEST_CASE("neurons that forget are repaired in part, neurons that do not as a whole") {
  const std::vector<Case> all = cases();
  const auto repaired = [&](const std::string& name) {
    for (const Case& of : all)
      if (of.name == name) {
        const Speculation counts = train(of, 2, {.speculate = true}, Arrival::late)[1].speculation;
        return static_cast<double>(counts.repaired) / static_cast<double>(counts.scanned);
      }
    return -1.0;
  };
  CHECK(repaired("tau 2 and 3") < 0.95);
  CHECK(repaired("neurons that are silent") == 1);
}
