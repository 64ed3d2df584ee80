// Scans that take their state over from others, and hand it on, in pieces of neurons.
#include <deque>
#include <functional>
#include <string>

#include "ranvier/core/tape.h"
#include "ranvier/ops/fused/norm_neuron_pool.h"
#include "ranvier/ops/neurons/recurrent_scan.h"
#include "ranvier/ops/pointwise/pointwise.h"
#include "ranvier/ops/shape/concat.h"
#include "ranvier/ops/shape/shape_ops.h"
#include "ranvier/ops/shape/slice.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/threads.h"
#include "tests/support/values.h"
#include "tests/support/weighted_sum.h"

namespace ranvier {
namespace {

using test::random_values;
using test::same_bits;

constexpr std::int64_t steps = 12, cut = 7;

/// What is between two shards of time.
struct Mail {
  std::deque<Tensor> states, gradients;
  std::vector<Tensor> kept;  // so that nobody finds what was sent in memory it gets
  std::size_t sent_states = 0, sent_gradients = 0;
};

/// One end of it, of the shard before or of the one after.
class End final : public StateRelay {
 public:
  End(Mail& mail, bool sends_state, std::int64_t pieces)
      : mail_(mail), sends_state_(sends_state), pieces_(pieces) {}

  bool has_before() const override { return !sends_state_; }
  bool has_after() const override { return sends_state_; }
  std::int64_t pieces(std::int64_t) override { return pieces_; }
  Tensor receive_state(const Shape& shape, const TensorOptions&) override {
    return take(mail_.states, shape);
  }
  Tensor receive_gradient(const Shape& shape, const TensorOptions&) override {
    return take(mail_.gradients, shape);
  }
  bool must_wait() override { return mail_.states.empty(); }
  void send_state(const Tensor& piece) override {
    mail_.states.push_back(clone(piece));
    mail_.kept.push_back(piece);
    ++mail_.sent_states;
  }
  void send_gradient(const Tensor& piece) override {
    mail_.gradients.push_back(clone(piece));
    mail_.kept.push_back(piece);
    ++mail_.sent_gradients;
  }

  Tensor token;

 private:
  void expect_backward(const Tensor& given) override { token = given; }
  static Tensor take(std::deque<Tensor>& from, const Shape& shape) {
    REQUIRE_FALSE(from.empty());
    const Tensor first = from.front();
    from.pop_front();
    REQUIRE(first.shape() == shape);
    return first;
  }

  Mail& mail_;
  bool sends_state_;
  std::int64_t pieces_;
};

/// A scan of one kind: of x over a shard of `length` steps, and what it learns.
struct Case {
  std::string name;
  Shape step;
  std::function<Tensor(const Tensor& x, std::int64_t length, StateRelay* relay)> scan;
  std::vector<Tensor> learned{};
  int variables = 1;
  bool is_static = false;
  DType dtype = DType::f32;
};

Tensor leaf(const Tensor& tensor) { return clone(tensor).set_requires_grad(true); }

Case plain(const std::string& name, const Neuron& neuron, const Shape& step, bool packed = false) {
  return {name, step,
          [=](const Tensor& x, std::int64_t, StateRelay* relay) {
            return scan(neuron, x, {}, {.packed = packed, .relay = relay}).spikes;
          },
          neuron.learnables, neuron.states()};
}

Case fused(const std::string& name, const Neuron& neuron, const Shape& step,
           NormNeuronPoolOptions options) {
  const std::int64_t channels = step[-1];
  const Tensor gamma = leaf(random_values({channels}, 2)),
               beta = leaf(random_values({channels}, 3));
  options.norm.mode = BatchNormMode::step;
  std::vector<Tensor> learned{gamma, beta};
  learned.insert(learned.end(), neuron.learnables.begin(), neuron.learnables.end());
  return {name, step,
          [=](const Tensor& x, std::int64_t, StateRelay* relay) mutable {
            options.relay = relay;
            const RunningStatistics running{zeros({channels}), full({channels}, 1)};
            return norm_neuron_pool(x, gamma, beta, running, neuron, {}, options).spikes;
          },
          learned, neuron.states()};
}

Case recurrent(const std::string& name, const Neuron& neuron, const Shape& step, bool packed) {
  const Tensor weight = leaf(random_values({step[-1], step[-1]}, 4) * 0.3);
  std::vector<Tensor> learned{weight};
  learned.insert(learned.end(), neuron.learnables.begin(), neuron.learnables.end());
  return {name, step,
          [=](const Tensor& x, std::int64_t, StateRelay* relay) {
            return recurrent_scan(neuron, x, weight, {}, {.packed = packed, .relay = relay}).spikes;
          },
          learned, neuron.states() + 1};
}

std::vector<Case> cases() {
  std::vector<Case> all{
      plain("plain", LIFOptions{}, {3, 1001}),
      plain("two variables", ALIFOptions{}, {5, 333}),
      plain("packed words", LIFOptions{}, {40, 64}, true),
      plain("packed rows", ParametricLIFOptions{}, {29, 70}, true),
      plain("packed long rows", LIFOptions{}, {3, 601}, true),
      plain("one block", LIFOptions{}, {17}),
      plain("f64", ParametricLIFOptions{}, {2, 901}),
      fused("max pool with a rest", LIFOptions{}, {3, 7, 9, 5}, {.pool = SpikePool::max}),
      fused("average pool", ParametricLIFOptions{}, {2, 8, 8, 3}, {.pool = SpikePool::average}),
      fused("packed pool", LIFOptions{}, {2, 6, 6, 8}, {.pool = SpikePool::max, .packed = true}),
      fused("no pool", ParametricLIFOptions{}, {130, 96}, {}),
      fused("no pool, wide", ALIFOptions{}, {7, 2500}, {}),
      recurrent("recurrent", ALIFOptions{}, {37, 21}, false),
      recurrent("recurrent, packed", ParametricLIFOptions{}, {20, 70}, true),
  };
  for (Case& of : all)
    if (of.name == "f64") of.dtype = DType::f64;
  Case shown = plain("static", ParametricLIFOptions{}, {2, 700});
  const Neuron neuron = ParametricLIFOptions{};
  shown.learned = neuron.learnables;
  shown.is_static = true;
  shown.scan = [=](const Tensor& x, std::int64_t length, StateRelay* relay) {
    return scan(neuron, x, {}, {.steps = length, .relay = relay}).spikes;
  };
  all.push_back(std::move(shown));
  return all;
}

/// What a scan in two shards gives.
struct Outcome {
  std::vector<Tensor> tensors;  // spikes, gradients of x, by shard; gradients of what is learned
  Mail mail;
};

Tensor weights_of(const Tensor& spikes, DType dtype) {
  return random_values(spikes.shape(), 8, spikes.dtype() == DType::bits ? DType::f32 : dtype);
}

Outcome in_two_shards(const Case& of, std::int64_t pieces) {
  Outcome outcome;
  End before(outcome.mail, true, pieces), after(outcome.mail, false, pieces);
  const Tensor all = random_values(Shape{steps}.concat(of.step), 1, of.dtype);
  for (Tensor learned : of.learned) learned.set_grad({});
  std::vector<Tensor> xs, losses;
  for (StateRelay* const relay : {&before, &after}) {
    const bool first = relay == &before;
    const Tensor part = first ? slice(all, 0, 0, cut) : slice(all, 0, cut, steps);
    xs.push_back(leaf(of.is_static ? reshape(slice(all, 0, 0, 1), of.step) : part));
    const Tensor spikes = of.scan(xs.back(), first ? cut : steps - cut, relay);
    losses.push_back(test::weighted_sum({{spikes, weights_of(spikes, of.dtype)}}));
    outcome.tensors.push_back(spikes.detach());
  }
  CHECK(outcome.mail.states.empty());
  losses[1].backward();
  losses[0].backward();
  CHECK(outcome.mail.gradients.empty());
  for (const Tensor& x : xs) outcome.tensors.push_back(x.grad());
  for (const Tensor& learned : of.learned) outcome.tensors.push_back(clone(learned.grad()));
  return outcome;
}

bool same(const Outcome& a, const Outcome& b) {
  for (std::size_t i = 0; i < a.tensors.size(); ++i)
    if (!same_bits(a.tensors[i], b.tensors[i])) return false;
  return a.tensors.size() == b.tensors.size();
}

}  // namespace

TEST_CASE("a state in pieces gives what one in one piece gives, bit for bit") {
  for (const Case& of : cases()) {
    const Outcome whole = in_two_shards(of, 1);
    const auto variables = static_cast<std::size_t>(of.variables);
    CHECK(whole.mail.sent_states == variables);
    for (const int threads : {1, 3})
      for (const std::int64_t pieces : {2, 3, 5, 1000}) {
        CAPTURE(of.name, threads, pieces);
        const test::Threads several(threads);
        const Outcome outcome = in_two_shards(of, pieces);
        CHECK(same(outcome, whole));
        const std::size_t most = variables * static_cast<std::size_t>(pieces);
        for (const std::size_t sent : {outcome.mail.sent_states, outcome.mail.sent_gradients}) {
          CHECK(sent % variables == 0);
          CHECK((of.name == "one block" ? sent == variables : sent > variables));
          CHECK((pieces == 2 && of.name != "one block" ? sent == most : sent <= most));
        }
      }
  }
}

TEST_CASE("shards of time with a state in pieces give what one shard gives") {
  for (const Case& of : cases()) {
    CAPTURE(of.name);
    const Outcome shards = in_two_shards(of, 5);
    const Tensor all = random_values(Shape{steps}.concat(of.step), 1, of.dtype);
    const Tensor x = leaf(of.is_static ? reshape(slice(all, 0, 0, 1), of.step) : all);
    const Tensor spikes = of.scan(x, steps, nullptr);
    CHECK(same_bits(concat({shards.tensors[0], shards.tensors[1]}, 0), spikes.detach()));
    if (of.is_static) continue;
    const auto weights = [&](std::size_t shard) {
      return weights_of(shards.tensors[shard], of.dtype);
    };
    test::weighted_sum({{spikes, concat({weights(0), weights(1)}, 0)}}).backward();
    CHECK(test::largest_difference(concat({shards.tensors[2], shards.tensors[3]}, 0), x.grad()) <
          1e-5);
  }
}

TEST_CASE("shards of different lengths cut a state in the same places") {
  // Tiles of the fused operation get narrower with more steps.
  for (const std::int64_t channels : {3, 96, 200}) {
    const auto in_pieces = [&](std::int64_t pieces) {
      Mail mail;
      End before(mail, true, pieces), after(mail, false, pieces);
      const Tensor x = leaf(random_values({300, 8192 / channels, channels}, 1));
      const auto loss = [&](const Tensor& part, StateRelay* relay) {
        const RunningStatistics running{zeros({channels}), full({channels}, 1)};
        const Tensor spikes =
            norm_neuron_pool(part, {}, {}, running, LIFOptions{}, {}, {.relay = relay}).spikes;
        return test::weighted_sum({{spikes, weights_of(spikes, DType::f32)}});
      };
      const Tensor first = loss(slice(x, 0, 0, 30), &before);
      const Tensor second = loss(slice(x, 0, 30, 300), &after);
      second.backward();
      first.backward();
      CHECK(mail.sent_states == static_cast<std::size_t>(pieces));
      CHECK(mail.sent_gradients == mail.sent_states);
      CHECK(mail.gradients.empty());
      return x.grad();
    };
    CHECK(same_bits(in_pieces(4), in_pieces(1)));
  }
}

TEST_CASE("the gradient of a state travels even if nobody needs one") {
  for (const Case& of : {plain("plain", IFOptions{}, {3, 1001}),
                         fused("max pool", IFOptions{}, {3, 8, 8, 5}, {.pool = SpikePool::max}),
                         recurrent("recurrent", IFOptions{}, {37, 21}, false)}) {
    CAPTURE(of.name);
    Mail mail;
    End before(mail, true, 2), after(mail, false, 2);
    const Tensor x = random_values(Shape{steps}.concat(of.step), 1);
    of.scan(slice(x, 0, 0, cut), cut, &before);
    of.scan(slice(x, 0, cut, steps), steps - cut, &after);
    after.token.backward(empty({0}));
    CHECK(mail.gradients.size() == 2 * static_cast<std::size_t>(of.variables));
    before.token.backward(empty({0}));
    CHECK(mail.gradients.empty());

    End evaluated(mail, true, 2);
    const NoGradGuard no_grad;
    of.scan(slice(x, 0, 0, cut), cut, &evaluated);
    CHECK_FALSE(evaluated.token.defined());
  }
}

TEST_CASE("a state may be handed on and kept") {
  const Neuron neuron = LIFOptions{};
  const Shape step{3, 1001};
  const Tensor all = random_values(Shape{steps}.concat(step), 1);
  const Tensor of_state = random_values(step, 9);
  const auto loss = [&](const ScanResult& result, bool with_state) {
    std::vector<test::Weighted> terms{{result.spikes, weights_of(result.spikes, DType::f32)}};
    if (with_state) terms.push_back({result.state.membrane(), of_state});
    return test::weighted_sum(terms);
  };
  const Tensor expected = leaf(slice(all, 0, 0, cut));
  const ScanResult first = scan(neuron, expected, {}, {.final_state = true});
  const ScanResult second = scan(neuron, slice(all, 0, cut, steps), first.state);
  test::weighted_sum({{loss(first, true), scalar(1, {.dtype = DType::f64})},
                      {loss(second, false), scalar(1, {.dtype = DType::f64})}})
      .backward();
  for (const std::int64_t pieces : {1, 4}) {
    Mail mail;
    End before(mail, true, pieces), after(mail, false, pieces);
    const Tensor x = leaf(slice(all, 0, 0, cut));
    const Tensor kept = loss(scan(neuron, x, {}, {.final_state = true, .relay = &before}), true);
    loss(scan(neuron, slice(all, 0, cut, steps), {}, {.relay = &after}), false).backward();
    kept.backward();
    CHECK(same_bits(x.grad(), expected.grad()));
  }
}

TEST_CASE("there is either a state or a relay") {
  Mail mail;
  End end(mail, false, 1);
  const Tensor x = zeros({2, 3, 4}), rest = zeros({3, 4});
  const auto code = ErrorCode::invalid_argument;
  CHECK_ERROR(scan(IFOptions{}, x, NeuronState({rest}), {.relay = &end}), code,
              "[if] a sequence that ranks share begins at rest");
  CHECK_ERROR(norm_neuron_pool(x, {}, {}, {}, IFOptions{}, NeuronState({rest}), {.relay = &end}),
              code, "[if] a sequence that ranks share begins at rest");
  CHECK_ERROR(
      recurrent_scan(IFOptions{}, x, zeros({4, 4}), NeuronState({rest, rest}), {.relay = &end}),
      code, "[if] a sequence that ranks share begins at rest");
}

}  // namespace ranvier
