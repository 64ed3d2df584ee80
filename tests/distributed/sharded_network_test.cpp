#include "ranvier/distributed/sharded_network.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <tuple>

#include "ranvier/core/autocast.h"
#include "ranvier/core/random.h"
#include "ranvier/distributed/local_transport.h"
#include "ranvier/layers/batch_norm.h"
#include "ranvier/layers/delay.h"
#include "ranvier/layers/event_networks.h"
#include "ranvier/layers/flatten.h"
#include "ranvier/layers/linear.h"
#include "ranvier/layers/neurons.h"
#include "ranvier/layers/residual.h"
#include "ranvier/ops/loss/loss.h"
#include "ranvier/ops/reduce/sum.h"
#include "ranvier/ops/sequence/readout.h"
#include "ranvier/ops/shape/slice.h"
#include "ranvier/optim/optimizer.h"
#include "tests/support/catch.h"
#include "tests/support/cuda.h"
#include "tests/support/errors.h"
#include "tests/support/forwarding_transport.h"
#include "tests/support/sharded_cases.h"
#include "tests/support/values.h"

using namespace ranvier;

namespace {

/// Fails after the first `left` messages on `channel`.
class FailingTransport final : public test::ForwardingTransport {
 public:
  FailingTransport(Transport& inner, Channel channel, int left)
      : ForwardingTransport(inner), channel_(channel), left_(left) {}

 private:
  void do_send(const Tensor& message, int to, Channel channel) override {
    if (channel == channel_ && left_-- == 0)
      fail(ErrorCode::communication, "[test] no more messages");
    ForwardingTransport::do_send(message, to, channel);
  }

  const Channel channel_;
  int left_;
};

/// What ranks ask a transport for, one thing after the other: the messages of each, which are from,
/// to, channel, and the number among those.
using Message = std::tuple<int, int, Channel, int>;
using Asked = std::deque<std::set<Message>>;

/// Writes down what its rank asks for. As over NCCL, nothing depends on what has arrived.
class ListingTransport final : public test::ForwardingTransport {
 public:
  explicit ListingTransport(Transport& inner) : ForwardingTransport(inner), inner_(inner) {}

  bool arrived(int, Channel) override { return true; }
  const Asked& asked() const { return asked_; }

 private:
  struct NeverReady final : Exchange {
    explicit NeverReady(std::unique_ptr<Exchange> exchange) : inner(std::move(exchange)) {}
    bool ready() override { return false; }
    std::vector<Tensor> finish() override { return inner->finish(); }
    std::unique_ptr<Exchange> inner;
  };

  void do_send(const Tensor& message, int to, Channel channel) override {
    asked_.push_back({next(rank(), to, channel)});
    inner_.send(message, to, channel);
  }
  Tensor do_receive(const Shape& shape, const TensorOptions& options, int from,
                    Channel channel) override {
    asked_.push_back({next(from, rank(), channel)});
    return inner_.receive(shape, options, from, channel);
  }
  std::unique_ptr<Exchange> do_exchange(const std::vector<ToSend>& sends,
                                        std::vector<Expected> expected, Channel channel) override {
    std::set<Message>& group = asked_.emplace_back();
    for (const ToSend& each : sends) group.insert(next(rank(), each.to, channel));
    for (const Expected& each : expected) group.insert(next(each.from, rank(), channel));
    return std::make_unique<NeverReady>(inner_.exchange(sends, std::move(expected), channel));
  }
  Message next(int from, int to, Channel channel) {
    return {from, to, channel, numbers_[{from, to, channel}]++};
  }

  Transport& inner_;
  std::map<std::tuple<int, int, Channel>, int> numbers_;
  Asked asked_;
};

/// Whether ranks come to the end that do one thing at a time, in their order, and pass a message
/// when both of its ends have come to it.
bool one_order(std::vector<Asked> ranks) {
  for (bool moved = true; moved;) {
    moved = false;
    for (Asked& rank : ranks)
      for (; !rank.empty() && rank.front().empty(); moved = true) rank.pop_front();
    for (Asked& a : ranks)
      for (Asked& b : ranks)
        if (&a != &b && !a.empty() && !b.empty())
          moved |= std::erase_if(a.front(), [&](const Message& message) {
                     return b.front().erase(message) > 0;
                   }) > 0;
  }
  return std::all_of(ranks.begin(), ranks.end(), [](const Asked& rank) { return rank.empty(); });
}

/// Its gradients fill several buckets, which are added up while backward goes on.
test::ShardedCase many_weights() {
  return {.name = "many weights",
          .network =
              [] {
                return Sequential(
                    Linear({.in = 6, .out = 1100}), LIF(), Linear({.in = 1100, .out = 1100}), LIF(),
                    Linear({.in = 1100, .out = 1000}), LIF(), Linear({.in = 1000, .out = 4}));
              },
          .x = test::random_values({11, 6, 6}, 1),
          .labels = from_vector<std::int64_t>({0, 1, 2, 3, 0, 1}, {6})};
}

/// Gives a network other parameters with the same values, as moving it to a device does.
struct ReplaceParameters final : Visitor {
  void on_parameter(const std::string&, Tensor& tensor) override {
    tensor = clone(tensor.detach()).set_requires_grad(true);
  }
};

/// One of two modules, as `*first` says.
struct Either {
  static constexpr std::string_view kind = "Either";
  Tensor operator()(const Tensor& x) { return *first ? one(x) : other(x); }
  void visit(Visitor& visitor) {
    visitor.child("one", one);
    visitor.child("other", other);
  }
  std::shared_ptr<bool> first;
  Linear one{{.in = 3, .out = 4}}, other{{.in = 3, .out = 4}};
};

/// What all ranks of a mesh of threads find to differ.
std::string mismatch_over_local(const test::ShardedCase& of, MeshShape shape, int steps = 3,
                                const ShardOptions& options = {}) {
  std::mutex mutex;
  std::string found;
  run_local(shape.ranks(), [&](Transport& transport) {
    const std::string own = test::sharded_mismatch(of, Mesh(transport, shape), steps, options);
    const std::lock_guard lock(mutex);
    found += own;
  });
  return found;
}

}  // namespace

TEST_CASE("any number of time shards computes what one rank computes") {
  for (const test::ShardedCase& of : test::sharded_cases())
    for (int time = 1; time <= 8; ++time) CHECK(mismatch_over_local(of, {.time = time}) == "");
}

TEST_CASE("states in pieces give what one rank computes") {
  for (const test::ShardedCase& of : test::sharded_cases())
    for (const MeshShape shape :
         {MeshShape{1, 2}, MeshShape{1, 3}, MeshShape{1, 8}, MeshShape{2, 2}, MeshShape{6, 2}})
      for (const std::int64_t pieces : {1, 2, 100})
        CHECK(mismatch_over_local(of, shape, 2, {.state_pieces = pieces}) == "");
}

TEST_CASE("pieces of a state and of its gradient make as many bytes as a whole one") {
  for (const test::ShardedCase& of : test::sharded_cases()) {
    CAPTURE(of.name);
    using Sent = std::pair<std::int64_t, std::int64_t>;  // messages, bytes
    const auto sent = [&](std::int64_t pieces, Channel channel) {
      std::vector<Sent> by_rank(3);
      run_local(3, [&](Transport& transport) {
        auto& [messages, bytes] = by_rank[static_cast<std::size_t>(transport.rank())];
        const Mesh mesh(transport, {.time = 3});
        for (const MessageRecord& each : test::sharded_messages(of, mesh, {.state_pieces = pieces}))
          if (each.channel == channel) ++messages, bytes += each.bytes;
      });
      return by_rank;
    };
    const Sent whole = sent(1, Channel::state)[0];
    CHECK(sent(1, Channel::state_gradient) == std::vector<Sent>{{}, whole, whole});
    const std::vector<Sent> states = sent(4, Channel::state);
    const std::vector<Sent> gradients = sent(4, Channel::state_gradient);
    CHECK(states == std::vector<Sent>{states[0], states[0], {}});
    CHECK(gradients == std::vector<Sent>{{}, gradients[2], gradients[2]});
    for (const Sent& pieces : {states[0], gradients[2]}) {
      CHECK(pieces.second == whole.second);
      CHECK(pieces.first >= whole.first);
      if (of.name == "wide" || of.name.starts_with("event_cnn")) CHECK(pieces.first > whole.first);
    }
  }
}

TEST_CASE("data shards compute what one rank computes, and so do shards of both") {
  for (const test::ShardedCase& of : test::sharded_cases())
    for (const MeshShape shape :
         {MeshShape{2, 1}, MeshShape{4, 1}, MeshShape{2, 2}, MeshShape{6, 1}})
      CHECK(mismatch_over_local(of, shape) == "");
}

TEST_CASE("all ranks ask for messages in one order, so that none of them stops others for ever") {
  std::vector<test::ShardedCase> cases = test::sharded_cases();
  cases.push_back(many_weights());
  for (const test::ShardedCase& of : cases)
    for (const MeshShape shape : {MeshShape{1, 3}, MeshShape{2, 2}, MeshShape{3, 1}}) {
      CAPTURE(of.name, shape.data, shape.time);
      std::vector<Asked> asked(static_cast<std::size_t>(shape.ranks()));
      run_local(shape.ranks(), [&](Transport& local) {
        ListingTransport transport(local);
        test::sharded_messages(of, Mesh(transport, shape), {.state_pieces = 1});
        asked[static_cast<std::size_t>(local.rank())] = transport.asked();
      });
      CHECK(one_order(asked));
    }
}

TEST_CASE("two hundred steps of shared training follow the loss of one rank") {
  const std::vector<test::ShardedCase> cases = test::sharded_cases();
  for (const char* name : {"recurrent_net", "event_cnn, step"}) {
    const auto of = std::find_if(cases.begin(), cases.end(),
                                 [&](const test::ShardedCase& c) { return c.name == name; });
    REQUIRE(of != cases.end());
    CHECK(mismatch_over_local(*of, {.time = 3}, 200) == "");
  }
}

TEST_CASE("an error between two pieces of a state reaches all ranks") {
  const std::vector<test::ShardedCase> cases = test::sharded_cases();
  const auto of = std::find_if(cases.begin(), cases.end(),
                               [](const test::ShardedCase& c) { return c.name == "wide"; });
  for (const Channel channel : {Channel::state, Channel::state_gradient}) {
    std::vector<std::string> errors(3);
    const auto step = [&](Transport& local) {
      FailingTransport transport(local, channel, local.rank() == 1 ? 3 : 1'000'000);
      try {
        test::sharded_messages(*of, Mesh(transport, {.time = 3}), {.state_pieces = 5});
      } catch (const Error& error) {
        errors[static_cast<std::size_t>(local.rank())] = error.what();
        throw;
      }
    };
    CHECK_ERROR(run_local(3, step), ErrorCode::communication, "rank 1: [test] no more messages");
    for (const std::size_t rank : {0, 2})
      CHECK_THAT(errors[rank], Catch::Matchers::Contains("rank 1 ") &&
                                   Catch::Matchers::Contains("gave up: [test] no more messages"));
  }
}

TEST_CASE("time shards share the samples of layers before the first neuron where that pays") {
  const StaticWork mlp{.samples = 64, .weights = 784 * 1000, .fan_in = 784};
  const StaticWork csnn{.samples = 128, .weights = 9 * 128, .fan_in = 9};
  StaticWork few_samples = mlp;
  few_samples.samples = 16;
  CHECK(shares_samples(StaticLayers::automatic, mlp, 2));
  CHECK_FALSE(shares_samples(StaticLayers::automatic, csnn, 2));
  CHECK_FALSE(shares_samples(StaticLayers::automatic, few_samples, 2));
  CHECK(shares_samples(StaticLayers::shared, csnn, 128));
  CHECK_FALSE(shares_samples(StaticLayers::shared, csnn, 129));
  CHECK_FALSE(shares_samples(StaticLayers::shared, mlp, 1));
  CHECK_FALSE(shares_samples(StaticLayers::each, mlp, 2));
}

TEST_CASE("images are seen whole where somebody watches or no layer before the neurons learns") {
  const auto sent = [](bool watched, bool learns) {
    std::int64_t bytes = 0;
    run_local(2, [&](Transport& transport) {
      seed(3);
      Sequential network(Flatten{});
      if (learns) network.add(Linear({.in = 6, .out = 6}));
      network.add(LIF({}, {.steps = 4})).add(LeakyIntegrator());
      if (watched) network.observe([](const Observation&) {});
      const Mesh mesh(transport, {.time = 2});
      ShardedNetwork sharded(network, mesh, {.static_layers = StaticLayers::shared});
      const NoGradGuard no_grad;
      sharded(test::random_values({4, 2, 3, 1}, 1), {4});
      if (transport.rank() == 0) bytes = transport.bytes_sent();
    });
    return bytes;
  };
  const std::int64_t whole = sent(false, false), shared = sent(false, true);
  CHECK(shared == whole + 2 * 6 * 4);  // two of the four samples
  CHECK(sent(true, true) == whole);
}

TEST_CASE("time shards hand on states in f32 where activations are of 16 bit") {
  for (const DType dtype : {DType::bf16, DType::f16}) {
    test::ShardedCase of = test::sharded_cases().front();
    of.network = [] { return Sequential(LIF(), Linear({.in = 12, .out = 4}), LeakyIntegrator()); };
    of.x = of.x.to(dtype);
    for (const int time : {2, 3}) CHECK(mismatch_over_local(of, {.time = time}) == "");
  }
}

TEST_CASE("ranks may share a network whose first layers learn nothing") {
  test::ShardedCase of = test::sharded_cases().front();
  of.statistics = test::SharedOver::all;
  of.network = [] {
    return Sequential(Delay({.features = 12, .max_delay = 2}),
                      Linear({.in = 12, .out = 16, .bias = false}), BatchNorm({.features = 16}),
                      LIF(), Linear({.in = 16, .out = 16, .bias = false}),
                      BatchNorm({.features = 16}), LIF(), Linear({.in = 16, .out = 4}));
  };
  for (const int frozen : {1, 2, 4})  // the last layer that is, after others that are
    for (const bool speculate : {false, true}) {
      CAPTURE(frozen, speculate);
      test::ShardedCase partly = of;
      partly.network = [&] {
        Sequential network = of.network();
        for (auto& [name, tensor] : parameters(network))
          if (name.front() - '0' <= frozen) tensor.set_requires_grad(false);
        return network;
      };
      for (const int time : {2, 3})
        CHECK(mismatch_over_local(partly, {.time = time}, 2, {.speculate = speculate}) == "");
    }
}

TEST_CASE("parts of a step add up to the gradient of the whole batch") {
  const test::ShardedCase of = test::sharded_cases().front();
  const auto gradients = [&](bool in_parts) {
    std::vector<Tensor> found;
    run_local(2, [&](Transport& transport) {
      seed(3);
      Sequential network = event_mlp({.inputs = 12, .hidden = {16}, .classes = 4});
      const Mesh mesh(transport, {.time = 2});
      ShardedNetwork sharded(network, mesh);
      const std::int64_t batch = of.labels.size(0);
      for (int part = 0; part < (in_parts ? 2 : 1); ++part) {
        const std::int64_t length = in_parts ? batch / 2 : batch;
        const Slice mine{part * length, (part + 1) * length, batch};
        const Tensor x = slice(test::own_part(of, mesh), 1, mine.begin, mine.end);
        const Tensor output = sharded(x, {length, of.x.size(0)});
        const Tensor loss = cross_entropy(read_out(Readout::mean, output),
                                          slice(of.labels, 0, mine.begin, mine.end));
        sharded.backward(loss, {.last = !in_parts || part == 1, .share = in_parts ? 0.5 : 1.0});
      }
      if (transport.rank() == 0)
        for (const NamedTensor& parameter : parameters(network))
          found.push_back(parameter.tensor.grad());
    });
    return found;
  };
  const std::vector<Tensor> whole = gradients(false), parts = gradients(true);
  for (std::size_t i = 0; i < whole.size(); ++i)
    CHECK(test::largest_difference(parts[i], whole[i]) < 1e-6);
}

TEST_CASE("all ranks scale a loss alike, and an overflow on any of them is in every gradient") {
  const test::ShardedCase of = test::sharded_cases().front();
  const auto gradients = [&](double factor) {
    std::vector<std::vector<double>> found;
    run_local(2, [&](Transport& transport) {
      seed(3);
      Sequential network = of.network();
      const Mesh mesh(transport, {.time = 2});
      ShardedNetwork sharded(network, mesh);
      const Tensor output = sharded(test::own_part(of, mesh), {of.labels.size(0), of.x.size(0)});
      const double own = transport.rank() == 1 ? factor : std::min(factor, 1024.0);
      sharded.backward(cross_entropy(read_out(Readout::mean, output), of.labels),
                       {.seed = [&](double share) { return full({}, share * own); }});
      if (transport.rank() == 0)
        for (const NamedTensor& parameter : parameters(network))
          found.push_back(to_vector(parameter.tensor.grad()));
    });
    return found;
  };
  std::vector<std::vector<double>> expected = gradients(1);
  for (std::vector<double>& gradient : expected)
    for (double& value : gradient) value *= 1024;
  CHECK(gradients(1024) == expected);
  for (const std::vector<double>& gradient : gradients(std::numeric_limits<double>::infinity()))
    CHECK(
        !std::all_of(gradient.begin(), gradient.end(), [](double v) { return std::isfinite(v); }));
}

TEST_CASE("ranks leave out the step in which f16 overflows on one of them", "[cuda]") {
  RV_NEEDS_CUDA();
  const test::ShardedCase of = test::sharded_cases().front();
  std::vector<std::vector<double>> start, weights[2];
  std::vector<double> factors[2];
  run_local(2, [&](Transport& transport) {
    seed(3);
    Sequential network = of.network();
    move_to(network, test::cuda_device);
    const Mesh mesh(transport, {.time = 2});
    ShardedNetwork sharded(network, mesh);
    const auto adam = make_optimizer("adam", parameters(network));
    adam->set_loss_scale(LossScale(test::cuda_device, {.initial = 0x1p40}));
    const auto all = [&] {
      std::vector<std::vector<double>> values;
      for (const NamedTensor& parameter : parameters(network))
        values.push_back(to_vector(parameter.tensor));
      return values;
    };
    if (transport.rank() == 0) start = all();
    const AutocastGuard autocast(DType::f16, test::cuda_device);
    const Tensor x = test::own_part(of, mesh).to(test::cuda_device);
    const Tensor labels = of.labels.to(test::cuda_device);
    auto& seen = factors[transport.rank()];
    const auto overflows = [&] {  // till the factor stays as it is
      return seen.size() < 2 || seen.back() < seen[seen.size() - 2];
    };
    for (int step = 0; step < 40 && overflows(); ++step) {
      zero_grad(adam->parameters());
      const Tensor output = sharded(x, {labels.size(0), of.x.size(0)});
      sharded.backward(cross_entropy(read_out(Readout::mean, output), labels),
                       {.seed = [&](double share) { return adam->loss_scale()->seed(share); }});
      adam->step();
      seen.push_back(adam->loss_scale()->factor());
    }
    weights[transport.rank()] = all();
  });
  CHECK(factors[0].front() == 0x1p39);
  CHECK(factors[0] == factors[1]);
  CHECK(weights[0] == weights[1]);
  CHECK(weights[0] != start);
}

TEST_CASE("gradients are added up of a network that has other parameters than when it was shared") {
  const test::ShardedCase of = test::sharded_cases().front();
  std::vector<Tensor> expected;
  for (const bool replaced : {false, true})
    run_local(2, [&](Transport& transport) {
      seed(3);
      Sequential network = of.network();
      const Mesh mesh(transport, {.time = 2});
      ShardedNetwork sharded(network, mesh);
      ReplaceParameters replace;
      if (replaced) network.visit(replace);
      const Tensor output = sharded(test::own_part(of, mesh), {of.x.size(1), of.x.size(0)});
      sharded.backward(cross_entropy(read_out(Readout::mean, output), of.labels));
      if (transport.rank() != 1) return;
      const NamedTensors learned = parameters(network);
      for (std::size_t i = 0; i < learned.size(); ++i)
        if (replaced)
          CHECK(test::same_bits(learned[i].tensor.grad(), expected[i]));
        else
          expected.push_back(learned[i].tensor.grad());
    });
}

TEST_CASE("what only an earlier part of a step has used is added up too") {
  const Tensor x = test::random_values({5, 2, 3}, 2);
  std::vector<Tensor> gradients[2];
  for (const int ranks : {1, 2})
    run_local(ranks, [&](Transport& transport) {
      seed(4);
      const auto first = std::make_shared<bool>(true);
      Sequential network(Either{first});
      const Mesh mesh(transport, {.time = ranks});
      ShardedNetwork sharded(network, mesh);
      const Slice mine = sharded.steps(5);
      for (const bool last : {false, true}) {
        *first = !last;
        const Tensor output = sharded(slice(x, 0, mine.begin, mine.end), {2, 5});
        sharded.backward(sum(output), {.last = last, .share = 0.5});
      }
      for (const NamedTensor& parameter : parameters(network))
        if (transport.rank() == 0) gradients[ranks - 1].push_back(parameter.tensor.grad());
    });
  REQUIRE(gradients[0].size() == 4);
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(test::largest_difference(gradients[1][i], gradients[0][i]) < 1e-6);
}

TEST_CASE("a gradient that was added up already is not added up again") {
  const auto two_steps = [](bool cleared_between) {
    run_local(2, [=](Transport& transport) {
      Sequential network(Linear({.in = 3, .out = 2}));
      const Mesh mesh(transport, {.time = 2});
      ShardedNetwork sharded(network, mesh);
      const auto step = [&](const LossPart& part) {
        sharded.backward(sum(sharded(full({2, 1, 3}, 1), {1, 4})), part);
      };
      step({.last = false});
      step({});
      if (cleared_between) zero_grad(parameters(network));
      step({});
    });
  };
  CHECK_ERROR(two_steps(false), ErrorCode::state,
              "[shard] 0.weight has a gradient already when a step begins");
  CHECK_NOTHROW(two_steps(true));
}

TEST_CASE("a step that is abandoned leaves nothing in the next one") {
  const std::vector<test::ShardedCase> cases = test::sharded_cases();
  const test::ShardedCase& of =
      *std::ranges::find(cases, "event_cnn, step", &test::ShardedCase::name);
  std::vector<double> states[2];
  for (const bool abandoned : {false, true})
    run_local(2, [&](Transport& transport) {
      seed(3);
      Sequential network = of.network();
      const Mesh mesh(transport, {.time = 2});
      ShardedNetwork sharded(network, mesh);
      const auto loss = [&] {
        const Tensor output = sharded(test::own_part(of, mesh), {of.x.size(1), of.x.size(0)});
        return cross_entropy(read_out(Readout::mean, output), of.labels);
      };
      if (abandoned) {
        sharded.backward(loss(), {.last = false});
        loss();
        sharded.abandon_step();
        zero_grad(parameters(network));
      }
      sharded.backward(loss());
      if (transport.rank() != 0) return;
      for (const NamedTensor& kept : state_dict(network))
        for (const double value : to_vector(kept.tensor)) states[abandoned].push_back(value);
    });
  CHECK_FALSE(states[0].empty());
  CHECK((states[0] == states[1]));
}

TEST_CASE("what cannot be shared is refused by every rank") {
  using Body = std::function<void(Transport&)>;
  const auto sequence = [](MeshShape shape, const Shape& x, BatchExtent whole) {
    return [=](Transport& transport) {
      Sequential network(LIF());
      const Mesh mesh(transport, shape);
      ShardedNetwork(network, mesh)(zeros(x), whole);
    };
  };
  const Body shown = [](Transport& transport) {
    Sequential network(Residual(LIF({}, {.steps = 4})));
    const Mesh mesh(transport, {.time = 2});
    ShardedNetwork(network, mesh)(zeros({4, 2, 3}), {2, 8});
  };
  const std::vector<std::pair<Body, std::string>> cases{
      {[](Transport& transport) { Mesh(transport, {.data = 2, .time = 2}); },
       "2 data x 2 time shards need 4 ranks, but 2 were started"},
      {sequence({.time = 2}, {1, 4, 3}, {4, 1}), "1 steps cannot be shared by 2 time shards"},
      {sequence({.data = 2}, {5, 1, 3}, {1, 5}), "1 samples cannot be shared by 2 data shards"},
      {sequence({.data = 2}, {5, 4, 3}, {4, 5}), "must have 2 samples, this rank's part of 4"},
      {sequence({.time = 2}, {6, 4, 3}, {4, 6}), "must have 3 steps, this rank's part of 6"},
      {[](Transport& transport) {
         Sequential network(LIF());
         const Mesh mesh(transport, {.time = 2});
         ShardedNetwork(network, mesh, {.state_pieces = -1});
       },
       "state_pieces must be >= 0; got -1"},
      {shown, "shows its static input for 4 steps, but 8 are shared"}};
  for (const auto& [body, text] : cases) {
    std::vector<std::string> errors(2);
    run_local(2, [&, body = body](Transport& transport) {
      try {
        body(transport);
      } catch (const Error& error) {
        errors[static_cast<std::size_t>(transport.rank())] = error.what();
      }
    });
    for (const std::string& error : errors) CHECK_THAT(error, Catch::Matchers::Contains(text));
  }
}
