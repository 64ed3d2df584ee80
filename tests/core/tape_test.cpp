#include "ranvier/core/tape.h"

#include <string>
#include <vector>

#include "ranvier/core/allocator.h"
#include "ranvier/core/autocast.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

using namespace ranvier;

namespace {

/// y = x * x, the smallest operation that saves its input.
struct SquareBackward final : Node {
  explicit SquareBackward(const Tensor& x) : input(x) {}
  Saved input;

  const char* name() const override { return "SquareBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    const Tensor& x = input.get();
    Tensor grad = empty_like(x);
    for (std::int64_t i = 0; i < x.numel(); ++i)
      grad.mutable_data<float>()[i] = 2 * x.data<float>()[i] * grads[0].data<float>()[i];
    return {grad};
  }
  void release() override { input.reset(); }
};

Tensor square(const Tensor& x) {
  Tensor y = empty_like(x);
  for (std::int64_t i = 0; i < x.numel(); ++i)
    y.mutable_data<float>()[i] = x.data<float>()[i] * x.data<float>()[i];
  if (grad_needed({x})) attach(std::make_shared<SquareBackward>(x), {x}, {y});
  return y;
}

/// y = a + b, whose gradient is one tensor handed to both inputs.
struct AddBackward final : Node {
  const char* name() const override { return "AddBackward"; }
  std::vector<Tensor> backward(std::span<const Tensor> grads) override {
    return {grads[0], grads[0]};
  }
};

Tensor plus(const Tensor& a, const Tensor& b) {
  Tensor y = empty_like(a);
  for (std::int64_t i = 0; i < a.numel(); ++i)
    y.mutable_data<float>()[i] = a.data<float>()[i] + b.data<float>()[i];
  if (grad_needed({a, b})) attach(std::make_shared<AddBackward>(), {a, b}, {y});
  return y;
}

Tensor leaf(float value) { return tensor({value}).set_requires_grad(true); }

}  // namespace

TEST_CASE("backward follows the chain rule through saved tensors") {
  Tensor x = leaf(3.0f);
  square(square(x)).backward();
  CHECK(x.grad().item() == 4 * 27.0);
}

TEST_CASE("gradients of all uses of a tensor are added") {
  Tensor x = leaf(3.0f);
  plus(square(x), plus(x, x)).backward();
  CHECK(x.grad().item() == 8.0);
}

TEST_CASE("gradients of several backward passes are added until they are cleared") {
  Tensor x = leaf(1.0f);
  square(x).backward();
  square(x).backward();
  CHECK(x.grad().item() == 4.0);
  x.set_grad({});
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("leaves that received the same gradient do not share it") {
  Tensor a = leaf(1.0f), b = leaf(2.0f);
  plus(a, b).backward();
  Tensor grad = a.grad();
  fill(grad, 7);
  CHECK(b.grad().item() == 1.0);
}

TEST_CASE("a second backward through the same graph is refused unless it is retained") {
  Tensor x = leaf(3.0f);
  Tensor y = square(x);
  y.backward({.retain_graph = true});
  y.backward();
  CHECK(x.grad().item() == 12.0);
  CHECK_ERROR(
      y.backward(), ErrorCode::state,
      "the graph was walked already (SquareBackward has let go of its saved tensors); detach "
      "what comes from an earlier batch");
}

TEST_CASE("a saved tensor that was overwritten is noticed") {
  Tensor x = leaf(3.0f);
  Tensor y = square(x);
  fill(x, 5);
  CHECK_ERROR(y.backward(), ErrorCode::state, "a saved tensor of shape (1,) was overwritten");
}

TEST_CASE("backward without a graph or with a wrong seed is refused") {
  CHECK_ERROR(tensor({1.0f}).backward(), ErrorCode::invalid_argument,
              "does not depend on anything");
  Tensor x = tensor({1.0f, 2.0f}).set_requires_grad(true);
  CHECK_ERROR(square(x).backward(), ErrorCode::invalid_argument, "needs a seed");
  CHECK_ERROR(square(x).backward(tensor({1.0f})), ErrorCode::invalid_argument, "seed must have");
  CHECK_ERROR(square(x).backward(zeros({2}, {.dtype = DType::i64})), ErrorCode::invalid_argument,
              "be floating; got i64 (2,) on cpu");
}

TEST_CASE("a seed of another floating dtype counts as one of the tensor's") {
  Tensor x = tensor({1.0f, 2.0f}).set_requires_grad(true);
  x.backward(full({2}, 3, {.dtype = DType::f64}));
  square(x).backward(full({2}, 1, {.dtype = DType::f64}));
  CHECK(x.grad().dtype() == DType::f32);
  CHECK(to_vector(x.grad()) == std::vector<double>{5, 7});
}

TEST_CASE("a gradient that is set must be like those of backward") {
  Tensor x = tensor({1.0f, 2.0f});
  CHECK_ERROR(x.set_grad(zeros({2}, {.dtype = DType::f64})), ErrorCode::invalid_argument,
              "[set_grad] the gradient must be f32 (2,) on cpu, as the tensor is; got f64 (2,)");
  CHECK_ERROR(x.set_grad(zeros({1, 2})), ErrorCode::invalid_argument, "got f32 (1, 2) on cpu");
}

TEST_CASE("nothing is recorded under a no-grad guard, and recording resumes after it") {
  Tensor x = leaf(3.0f);
  {
    const NoGradGuard guard;
    CHECK_FALSE(square(x).requires_grad());
  }
  CHECK(square(x).requires_grad());
}

TEST_CASE("a detached tensor shares its values and stops the gradient") {
  Tensor x = leaf(3.0f);
  Tensor y = square(x).detach();
  CHECK_FALSE(y.requires_grad());
  CHECK(y.item() == 9.0);
}

TEST_CASE("hooks see and may replace the complete gradient of leaves and of results") {
  Tensor x = leaf(3.0f);
  Tensor y = square(x);
  double seen = 0;
  y.register_hook([&](const Tensor& grad) {
    seen = grad.item();
    return tensor({10.0f});
  });
  x.register_hook([](const Tensor& grad) {
    CHECK(grad.item() == 60.0);
    return tensor({0.5f});
  });
  plus(y, y).backward();
  CHECK(seen == 2.0);
  CHECK(x.grad().item() == 0.5);
}

TEST_CASE("a hook cannot put another shape in the place of a gradient") {
  for (const bool of_leaf : {true, false}) {
    Tensor x = tensor({1.0f, 2.0f}).set_requires_grad(true);
    Tensor y = square(x);
    (of_leaf ? x : y).register_hook([](const Tensor&) { return tensor({1.0f}); });
    CHECK_ERROR(y.backward(zeros({2})), ErrorCode::invalid_argument,
                "[backward] what a hook returns must have the tensor's shape (2,)");
    CHECK_FALSE(x.grad().defined());
  }
}

TEST_CASE("a hook may let go of the tensor that is walked from") {
  Tensor x = leaf(3.0f);
  Tensor y = square(x), z = square(y);
  z.register_hook([&](const Tensor&) { return y = z = Tensor(); });
  z.backward();
  CHECK(x.grad().item() == 108.0);
}

TEST_CASE("a hook may register another, which is called from the next backward on") {
  Tensor x = leaf(3.0f);
  int calls = 0;
  const auto count = [&calls](const Tensor&) {
    ++calls;
    return Tensor();
  };
  x.register_hook([&](const Tensor&) {
    for (int i = 0; i < 8; ++i) x.register_hook(count);
    return Tensor();
  });
  x.register_hook(count);
  square(x).backward();
  CHECK(calls == 1);
  square(x).backward();
  CHECK(calls == 10);
}

TEST_CASE("saved tensors are counted while the graph lives and released by the walk") {
  const std::int64_t before = saved_bytes();
  Tensor x = zeros({256}).set_requires_grad(true);
  Tensor y = square(x);
  CHECK(saved_bytes() == before + 1024);
  y.backward(full({256}, 1.0));
  CHECK(saved_bytes() == before);
  { Tensor dropped = square(x); }
  CHECK(saved_bytes() == before);
}

TEST_CASE("a chain of a million nodes is built, walked and destroyed without recursion") {
  Tensor x = leaf(1.0f);
  Tensor y = x;
  for (int i = 0; i < 1'000'000; ++i) y = plus(y, tensor({0.0f}));
  y.backward({.retain_graph = true});
  CHECK(x.grad().item() == 1.0);
  y = Tensor();
}

TEST_CASE("the graph can be printed by the names of its operations") {
  Tensor x = leaf(1.0f);
  CHECK(describe_graph(plus(square(x), x)) ==
        "AddBackward <- SquareBackward leaf (1,)\nSquareBackward <- leaf (1,)\n");
}

TEST_CASE("nodes are shown after their backward, newest first") {
  Tensor x = leaf(3.0f);
  const std::uint64_t first = next_node_sequence();
  const Tensor y = plus(square(x), x);
  std::vector<std::string> names;
  std::vector<std::uint64_t> places;
  y.backward({.after_node = [&](const Node& node) {
    names.emplace_back(node.name());
    places.push_back(node.sequence() - first);
  }});
  CHECK(names == std::vector<std::string>{"AddBackward", "SquareBackward"});
  CHECK(places == std::vector<std::uint64_t>{1, 0});
  CHECK(x.grad().item() == 7.0);
}

TEST_CASE("a leaf is told of as soon as its gradient is complete") {
  Tensor a = leaf(2.0f), b = leaf(3.0f), c = leaf(4.0f);
  const Tensor y = plus(plus(square(plus(a, b)), a), c);  // backward meets c, then a, then a and b
  std::vector<std::string> seen;
  y.backward({.after_node = [&](const Node& node) { seen.emplace_back(node.name()); },
              .on_gradient =
                  [&](const Tensor& of) {
                    const char* name = of.is_same(a) ? "a" : of.is_same(b) ? "b" : "c";
                    seen.push_back(fmt::format("{} {}", name, of.grad().item()));
                  }});
  CHECK(seen == std::vector<std::string>{"AddBackward", "c 1", "AddBackward", "SquareBackward",
                                         "AddBackward", "a 11", "b 10"});
}

TEST_CASE("a leaf is told of in the end if part of the graph sends it nothing") {
  struct StopBackward final : Node {
    const char* name() const override { return "StopBackward"; }
    std::vector<Tensor> backward(std::span<const Tensor>) override { return {Tensor()}; }
  };
  Tensor x = leaf(2.0f);
  Tensor stopped = tensor({4});
  attach(std::make_shared<StopBackward>(), {square(x)}, {stopped});
  std::vector<double> told;
  plus(x, stopped).backward({.on_gradient = [&](const Tensor& of) {
    told.push_back(of.grad().item());
  }});
  CHECK(told == std::vector<double>{1});
}

TEST_CASE("a node whose gradient has not the size of its tensor is named") {
  struct ShortBackward final : Node {
    const char* name() const override { return "ShortBackward"; }
    std::vector<Tensor> backward(std::span<const Tensor>) override { return {tensor({1.0f})}; }
  };
  Tensor x = tensor({1.0f, 2.0f}).set_requires_grad(true);
  const auto refused = [&x](const Tensor& input, const std::string& text) {
    Tensor y = tensor({4});
    attach(std::make_shared<ShortBackward>(), {input}, {y});
    CHECK_THROWS_WITH(y.backward(), Catch::Contains(text));
    CHECK_FALSE(x.grad().defined());
  };
  refused(x, "ShortBackward gave a gradient of f32 (1,) on cpu for a leaf");
  refused(square(x), "ShortBackward gave a gradient of (1,) for a tensor of 2 elements.");
}

TEST_CASE("a node that gives another number of gradients, or another dtype, is named") {
  struct GivenBackward final : Node {
    explicit GivenBackward(std::vector<Tensor> given) : grads(std::move(given)) {}
    std::vector<Tensor> grads;
    const char* name() const override { return "GivenBackward"; }
    std::vector<Tensor> backward(std::span<const Tensor>) override { return grads; }
  };
  Tensor x = leaf(3.0f);
  const auto walk = [&x](std::vector<Tensor> grads) {
    Tensor y = tensor({4});
    attach(std::make_shared<GivenBackward>(std::move(grads)), {x}, {y});
    y.backward();
  };
  const auto code = ErrorCode::invalid_argument;
  CHECK_ERROR(walk({tensor({1}), tensor({1})}), code,
              "GivenBackward must give a gradient for each of its 1 inputs");
  CHECK_ERROR(walk({full({1}, 1, {.dtype = DType::f64})}), code,
              "a gradient of f64 (1,) on cpu for a leaf whose gradient is f32 (1,) on cpu.");
  CHECK_ERROR(attach(std::make_shared<GivenBackward>(std::vector<Tensor>()), {x}, {x}), code,
              "[attach] an output of GivenBackward is a leaf or another node's already");
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("16-bit activations are widened differentiably, and their gradients summed in f32") {
  for (const DType dtype : {DType::bf16, DType::f16}) {
    Tensor x = tensor({1.0f, 3.0f}).to(dtype);
    x.set_requires_grad(true);
    const Tensor a = widened(x), b = widened(x);
    REQUIRE(a.dtype() == DType::f32);
    CHECK(to_vector(a) == std::vector<double>{1, 3});
    plus(a, b).backward(tensor({256.0f, 0.5f}));
    CHECK(x.grad().dtype() == dtype);
    CHECK(to_vector(x.grad()) == std::vector<double>{512, 1});
    CHECK(widened(a).is_same(a));
  }
}
