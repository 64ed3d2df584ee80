// Ranks with a GPU each, or an emulated one, which are threads of one process.
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "ranvier/core/cuda_graph.h"
#include "ranvier/core/graph_random.h"
#include "ranvier/core/random.h"
#include "ranvier/distributed/collectives.h"
#include "ranvier/distributed/local_transport.h"
#include "ranvier/distributed/nccl_transport.h"
#include "ranvier/layers/networks.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/sequence/readout.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/optim/optimizer.h"
#include "tests/distributed/transport_conformance.h"
#include "tests/support/catch.h"
#include "tests/support/cuda.h"
#include "tests/support/sharded_cases.h"

using namespace ranvier;

/// Begins the body of a test case that needs `count` GPUs.
#define RV_NEEDS_GPUS(count)                                                         \
  do {                                                                               \
    RV_NEEDS_CUDA();                                                                 \
    if (cuda_device_count() < (count)) SKIP("there are fewer than " #count " GPUs"); \
  } while (false)

namespace {

/// Calls `body` on each of `ranks` ranks, which have a GPU each.
void run_on_gpus(int ranks, const std::function<void(Transport&, Device)>& body) {
  run_local(ranks, [&](Transport& hosts) {
    const Device own{DeviceType::cuda, hosts.rank()};
    const auto transport = open_nccl(hosts, own);
    body(*transport, own);
  });
}

/// What all ranks of a mesh find to differ from one GPU.
std::string mismatch_over_nccl(const test::ShardedCase& of, MeshShape shape, int steps,
                               const ShardOptions& options = {}) {
  std::mutex mutex;
  std::string found;
  run_on_gpus(shape.ranks(), [&](Transport& transport, Device device) {
    const std::string own =
        test::sharded_mismatch(of, Mesh(transport, shape), steps, options, device);
    const std::lock_guard lock(mutex);
    found += own;
  });
  return found;
}

/// Everything to everybody, on every channel, large and small, by messages and by exchanges.
void all_to_all(Transport& t, Device device) {
  for (const Channel channel : test::channels())
    for (const std::int64_t count : {1, 1000, 300'001}) {
      std::vector<ToSend> sends;
      std::vector<Expected> expected;
      for (int other = 0; other < t.size(); ++other) {
        sends.push_back(
            {other, test::random_values({count}, test::seed_of(t.rank(), other, 1)).to(device)});
        expected.push_back({other, {count}, {.device = device}});
      }
      const std::vector<Tensor> got = t.exchange(sends, expected, channel)->finish();
      for (int from = 0; from < t.size(); ++from)
        test::require(
            test::same_bits(got[static_cast<std::size_t>(from)].to(cpu_device),
                            test::random_values({count}, test::seed_of(from, t.rank(), 1))),
            fmt::format("{} elements of rank {} arrive on '{}'", count, from, name(channel)));
    }
}

/// From each rank to the next, one after the other: the last has what all have added.
void along_the_ranks(Transport& t, Device device) {
  Tensor sum = full({1000}, 1, {.device = device});
  if (t.rank() > 0)
    sum = add(sum, t.receive({1000}, {.device = device}, t.rank() - 1, Channel::state));
  if (t.rank() + 1 < t.size()) t.send(sum, t.rank() + 1, Channel::state);
  test::require(
      test::same_bits(sum.to(cpu_device), full({1000}, static_cast<double>(t.rank()) + 1)),
      "each rank adds its own to what came");
  t.flush();
}

void sums_over_the_group(Transport& t, Device device) {
  const Group all = Group::all(t);
  Tensor values = full({70'001}, t.rank() + 0.5, {.device = device});
  all_reduce(all, values);
  const double total = t.size() * (t.size() - 1) / 2.0 + 0.5 * t.size();
  test::require(test::same_bits(values.to(cpu_device), full({70'001}, total)), "sums are of all");
  Tensor first = full({5}, t.rank() + 3.0, {.device = device});
  broadcast(all, first);
  test::require(test::same_bits(first.to(cpu_device), full({5}, 3)), "the first rank's is copied");
}

/// What `steps` steps of training the case leave of its network, on this rank; recorded after the
/// first one and launched, or done one operation at a time.
NamedTensors trained(const test::ShardedCase& of, const Mesh& mesh, Device device, int steps,
                     bool recorded) {
  seed(17);
  Sequential network = of.network();
  move_to(network, device);
  ShardedNetwork sharded(network, mesh);
  const auto adam = make_optimizer("adam", parameters(network));
  const Slice mine = sharded.samples(of.labels.size(0));
  const Tensor x = test::own_part(of, mesh).to(device);
  const Tensor labels = slice(of.labels, 0, mine.begin, mine.end).to(device);
  GraphRandom random(device);
  const auto differentiate = [&] {
    zero_grad(adam->parameters());
    const Tensor output = sharded(x, {of.labels.size(0), of.static_input ? 0 : of.x.size(0)});
    sharded.backward(cross_entropy(read_out(Readout::mean, output), labels));
  };
  std::optional<CudaGraph> graph;
  for (int step = 0; step < steps; ++step) {
    if (step == 1 && recorded) {
      const GraphRandom::Recording recording(random);
      graph.emplace(device, [&] {
        differentiate();
        adam->launch_step();
      });
    }
    if (!graph) {
      differentiate();
      adam->step();
      continue;
    }
    adam->prepare_step();
    random.advance();
    graph->launch();
  }
  return state_dict(network);
}

}  // namespace

TEST_CASE("ranks with a GPU each keep what a transport promises", "[cuda]") {
  RV_NEEDS_GPUS(8);
  for (const int ranks : {2, 3, 8}) {
    INFO(ranks << " ranks");
    for (const auto program : {all_to_all, along_the_ranks, sums_over_the_group})
      CHECK_NOTHROW(run_on_gpus(ranks, program));
  }
}

TEST_CASE("time shards over NCCL compute what one GPU computes", "[cuda]") {
  RV_NEEDS_GPUS(8);
  for (const test::ShardedCase& of : test::sharded_cases())
    for (const int time : {2, 3, 8}) CHECK(mismatch_over_nccl(of, {.time = time}, 3) == "");
}

TEST_CASE("data shards over NCCL, and shards of both, compute what one GPU computes", "[cuda]") {
  RV_NEEDS_GPUS(4);
  for (const test::ShardedCase& of : test::sharded_cases())
    for (const MeshShape shape : {MeshShape{2, 1}, MeshShape{2, 2}})
      CHECK(mismatch_over_nccl(of, shape, 3) == "");
}

TEST_CASE("states in pieces over NCCL give what one GPU computes", "[cuda]") {
  RV_NEEDS_GPUS(3);
  for (const test::ShardedCase& of : test::sharded_cases())
    CHECK(mismatch_over_nccl(of, {.time = 3}, 2, {.state_pieces = 4}) == "");
}

TEST_CASE("a recorded step of several ranks does what its operations do one by one", "[cuda]") {
  RV_NEEDS_GPUS(4);
  for (const test::ShardedCase& of : test::sharded_cases())
    for (const MeshShape shape : {MeshShape{1, 2}, MeshShape{2, 2}}) {
      std::mutex mutex;
      std::string found;
      run_on_gpus(shape.ranks(), [&](Transport& transport, Device device) {
        const Mesh mesh(transport, shape);
        const NamedTensors eager = trained(of, mesh, device, 4, false);
        const NamedTensors recorded = trained(of, mesh, device, 4, true);
        const std::lock_guard lock(mutex);
        for (std::size_t i = 0; i < eager.size(); ++i)
          if (to_vector(recorded[i].tensor) != to_vector(eager[i].tensor))
            found += fmt::format("{} of {} on rank {}\n", eager[i].name, of.name, transport.rank());
      });
      CHECK(found == "");
    }
}
